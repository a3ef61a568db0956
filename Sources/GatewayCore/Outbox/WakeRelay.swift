public import AdapterKit
import Synchronization

/// Carries "something is due" from whoever makes it so to whoever works on it, without either knowing the other.
public final class WakeRelay: Sendable {
    private let listeners = Mutex<[@Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void]>([])

    public init() {}

    public func connect(_ listener: @escaping @Sendable (_ channel: ChannelName?, _ dueAt: Timestamp) -> Void) {
        listeners.withLock { $0.append(listener) }
    }

    /// Something on `channel`, or on any when nil, is due at that time.
    public func wake(_ channel: ChannelName?, dueAt: Timestamp) {
        for listener in listeners.withLock({ $0 }) { listener(channel, dueAt) }
    }
}
