public import AdapterKit

/// How a delivery is to stand after a change: made by the lifecycle, written by a store as it is.
public struct DeliveryChange: Hashable, Sendable {
    public var state: DeliveryState
    public var reason: Reason?
    public var dueAt: Timestamp
    public var attemptCount: Int
    public var recordedAttempts: Int
    public var claimCount: Int
    public var flags: DeliveryFlags
    public var confirmation: Confirmation?
    public var providerMessageID: String?
    public var lastError: DeliveryFailure?
    public var settledAt: Timestamp?
    public var fallback: FallbackEffect
    /// Set where more tries are granted; else as it was.
    public var maxAttempts: Int?
    /// Set where the deadline moves; else as it was.
    public var deadline: Timestamp?
    public var updatedAt: Timestamp

    public init(
        state: DeliveryState, reason: Reason? = nil, dueAt: Timestamp, attemptCount: Int, recordedAttempts: Int, claimCount: Int,
        flags: DeliveryFlags, confirmation: Confirmation? = nil, providerMessageID: String? = nil, lastError: DeliveryFailure? = nil,
        settledAt: Timestamp? = nil, fallback: FallbackEffect = .none, maxAttempts: Int? = nil, deadline: Timestamp? = nil,
        updatedAt: Timestamp
    ) {
        self.state = state
        self.reason = reason
        self.dueAt = dueAt
        self.attemptCount = attemptCount
        self.recordedAttempts = recordedAttempts
        self.claimCount = claimCount
        self.flags = flags
        self.confirmation = confirmation
        self.providerMessageID = providerMessageID
        self.lastError = lastError
        self.settledAt = settledAt
        self.fallback = fallback
        self.maxAttempts = maxAttempts
        self.deadline = deadline
        self.updatedAt = updatedAt
    }
}

/// What the end of a delivery means for the one that stands by as its fallback.
public enum FallbackEffect: String, Hashable, Sendable {
    case none
    /// It failed: the fallback is due now, if it is not already.
    case activate
    /// It succeeded or was taken back: the fallback is cancelled.
    case cancel
}

/// The one write that ends a claim: fenced, so that it does nothing when the lease is no longer ours.
public struct Settlement: Hashable, Sendable {
    public var deliveryID: DeliveryID
    public var token: LeaseToken
    public var change: DeliveryChange
    public var attempt: Attempt?

    public init(deliveryID: DeliveryID, token: LeaseToken, change: DeliveryChange, attempt: Attempt? = nil) {
        self.deliveryID = deliveryID
        self.token = token
        self.change = change
        self.attempt = attempt
    }
}

/// A claim, named by its delivery and its token.
public struct LeaseReference: Hashable, Sendable {
    public var deliveryID: DeliveryID
    public var token: LeaseToken

    public init(deliveryID: DeliveryID, token: LeaseToken) {
        self.deliveryID = deliveryID
        self.token = token
    }
}
