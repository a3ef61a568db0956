import GatewayModel
import Synchronization

/// Events that wait because something cannot be read: remembered, so that each is told of once and not at every look.
final class HeldUpEvents: Sendable {
    private let ids = Mutex<Set<EventID>>([])

    func contains(_ id: EventID) -> Bool { ids.withLock { $0.contains(id) } }

    func replace(with held: Set<EventID>) { ids.withLock { $0 = held } }
}
