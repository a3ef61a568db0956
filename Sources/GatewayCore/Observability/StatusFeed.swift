public import GatewayModel
import Synchronization

/// Passes on every change of a delivery to whoever listens just now: the console's live list.
public final class StatusFeed: DeliveryObserver, Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<Delivery>.Continuation] = [:]
        var nextListener = 0
    }

    private let state = Mutex(State())

    public init() {}

    public func observe(_ event: GatewayEvent) {
        switch event {
        case .changed(let delivery): publish([delivery])
        case .accepted(let deliveries): publish(deliveries)
        default: break
        }
    }

    /// Changes from now on. A listener that falls behind by more than 1,000 loses the oldest ones: the list itself is in the store.
    public func changes() -> AsyncStream<Delivery> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1000)) { continuation in
            let listener = state.withLock { state in
                state.nextListener += 1
                state.listeners[state.nextListener] = continuation
                return state.nextListener
            }
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.listeners.removeValue(forKey: listener) }
            }
        }
    }

    /// Whether anybody listens just now.
    public var hasListeners: Bool { state.withLock { !$0.listeners.isEmpty } }

    /// Passes on what was not seen to happen here.
    public func publish(_ deliveries: [Delivery]) {
        let listeners = state.withLock { Array($0.listeners.values) }
        for listener in listeners {
            for delivery in deliveries { listener.yield(delivery) }
        }
    }
}
