public import AdapterKit
public import GatewayModel

/// Something that happens to a delivery.
public enum LifecycleEvent: Hashable, Sendable {
    /// A try of this node ended. `resumeAt` is when a paused account is next probed.
    case attempted(DeliveryOutcome, startedAt: Timestamp, resumeAt: Timestamp? = nil)
    /// The node that held the lease is gone.
    case leaseExpired
    /// The last check before sending found a reason not to.
    case suppressed(Reason)
    /// The stored row cannot be read.
    case undecodable
    /// Its deadline has passed while it waited.
    case deadlinePassed
    /// A person, a later event or a reply takes it back.
    case cancelled(Reason)
    case reported(DeliveryReport)
    /// A person knows what became of an unknown one.
    case resolved(delivered: Bool)
    /// A person wants it tried again.
    case retried
}

/// What an event changes.
public struct Transition: Hashable, Sendable {
    public var change: DeliveryChange
    public var attempt: Attempt?
    /// What the event says about the address.
    public var suppression: SuppressionProposal?

    public init(change: DeliveryChange, attempt: Attempt? = nil, suppression: SuppressionProposal? = nil) {
        self.change = change
        self.attempt = attempt
        self.suppression = suppression
    }
}

/// An endpoint that is to be left alone, on this evidence.
public struct SuppressionProposal: Hashable, Sendable {
    public var scope: SuppressionScope
    public var reason: SuppressionReason
    public var evidence: String?

    public init(scope: SuppressionScope, reason: SuppressionReason, evidence: String?) {
        self.scope = scope
        self.reason = reason
        self.evidence = evidence
    }
}

/// Why an event changes nothing.
public enum LifecycleRefusal: Error, Hashable, Sendable {
    /// The delivery's state does not know the event.
    case invalidTransition(from: DeliveryState)
    /// It cannot be tried again: the sender's own end has passed.
    case expired(from: DeliveryState)
    /// It is being sent, or was: a cancel comes too late.
    case tooLate(DeliveryState)
    /// News that cannot be applied before the try under way has ended; kept until then.
    case notYet
    /// News that is already known.
    case nothingNew
}
