public import AdapterKit
public import GatewayModel
import Synchronization

/// Passes on what happens to quotes to whoever watches one just now.
public final class ActivityFeed: Sendable {
    private struct Listener {
        var quote: QuoteID
        var organizationID: OrganizationID
        var continuation: AsyncStream<Activity>.Continuation
    }

    private let listeners = Mutex<(next: Int, all: [Int: Listener])>((0, [:]))

    public init() {}

    public func publish(_ activities: [Activity]) {
        let all = listeners.withLock { Array($0.all.values) }
        for activity in activities {
            for listener in all where listener.quote == activity.quoteID && listener.organizationID == activity.organizationID {
                listener.continuation.yield(activity)
            }
        }
    }

    /// A quote's activities from now on. What a slow watcher misses it finds in the store.
    public func activities(of quote: QuoteID, organizationID: OrganizationID) -> AsyncStream<Activity> {
        AsyncStream(bufferingPolicy: .bufferingNewest(100)) { continuation in
            let number = listeners.withLock { listeners in
                listeners.next += 1
                listeners.all[listeners.next] = Listener(quote: quote, organizationID: organizationID, continuation: continuation)
                return listeners.next
            }
            continuation.onTermination = { [weak self] _ in
                self?.listeners.withLock { _ = $0.all.removeValue(forKey: number) }
            }
        }
    }
}
