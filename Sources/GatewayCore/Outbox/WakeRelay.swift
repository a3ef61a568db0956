public import AdapterKit
import Synchronization

/// Carries "something is due" from whoever makes it so to whoever works on it, without either knowing the other.
public final class WakeRelay: Sendable {
    private struct Listeners {
        var workers: [@Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void] = []
        var watchers: [@Sendable (_ time: Timestamp) -> Void] = []
        var outlets: [@Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void] = []
    }

    private let listeners = Mutex(Listeners())

    public init() {}

    /// Hears what is due to be sent.
    public func connect(_ worker: @escaping @Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void) {
        listeners.withLock { $0.workers.append(worker) }
    }

    /// Hears when something is to be looked after though nobody works on it.
    public func connect(watcher: @escaping @Sendable (_ time: Timestamp) -> Void) {
        listeners.withLock { $0.watchers.append(watcher) }
    }

    /// Hears what was woken here and not elsewhere: who carries it to other nodes.
    public func forward(to outlet: @escaping @Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void) {
        listeners.withLock { $0.outlets.append(outlet) }
    }

    /// Something on `channel`, or on any when nil, is due at that time.
    public func wake(_ channel: ChannelName?, dueAt: Timestamp) {
        let (workers, outlets) = listeners.withLock { ($0.workers, $0.outlets) }
        for worker in workers { worker(channel, dueAt) }
        for outlet in outlets { outlet(channel, dueAt) }
    }

    /// Another node says that something is due; it has told the others itself.
    public func wake(fromElsewhere channel: ChannelName?, dueAt: Timestamp) {
        for worker in listeners.withLock({ $0.workers }) { worker(channel, dueAt) }
    }

    /// A lease ends at that time, or a deadline falls: it is to be looked after then if it still stands.
    public func watch(_ time: Timestamp) {
        for watcher in listeners.withLock({ $0.watchers }) { watcher(time) }
    }
}
