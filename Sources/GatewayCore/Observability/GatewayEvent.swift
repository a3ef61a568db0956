public import AdapterKit
public import GatewayModel

/// Something that happened inside, for logs, metrics and the live feed; never an address, a body or a secret.
public enum GatewayEvent: Sendable {
    case accepted([Delivery])
    case claimed(ChannelName, count: Int)
    case attempted(Delivery, AttemptOutcome, DeliveryFailure?, took: Duration)
    /// A delivery came to stand in another way: by a try, a report or a person.
    case changed(Delivery)
    /// The lease was no longer ours; the result was dropped, the journal of its new holder counts.
    case leaseLost(ChannelName)
    case settlementFailed(ChannelName, StoreError)
    case circuit(ChannelName, CircuitState)
    case accountPaused(ChannelName, DeliveryFailure)
    case accountResumed(ChannelName)
    case suppressionAdded(Suppression)
    case quoteAction(action: String, result: String)
    case storeFailed(during: String, StoreError)
    /// An event whose decisions stood open cannot be read any more; they were closed.
    case eventUndecodable(EventID, OrganizationID)
    /// What is needed to decide an event cannot be read, and it goes on waiting; told once, until it is decided.
    case eventHeldUp(EventID, OrganizationID, StoreError)
    case recovered(ChannelName, count: Int)
    case purged(rows: Int)
}

/// Hears what happens. Called on the way of every delivery: an observer must return at once.
public protocol DeliveryObserver: Sendable {
    func observe(_ event: GatewayEvent)
}

/// Tells several observers, in their order.
public struct ObserverGroup: DeliveryObserver {
    private let observers: [any DeliveryObserver]

    public init(_ observers: [any DeliveryObserver]) { self.observers = observers }

    public func observe(_ event: GatewayEvent) {
        for observer in observers { observer.observe(event) }
    }
}
