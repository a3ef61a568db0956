public import AdapterKit

/// What a dispatcher asks for.
public struct ClaimRequest: Hashable, Sendable {
    public var channel: ChannelName
    public var limit: Int
    /// Those to be left out: their own account is paused, or they have their share of the slots already.
    public var excludedOrganizations: Set<OrganizationID>
    public var now: Timestamp
    public var leaseUntil: Timestamp

    public init(channel: ChannelName, limit: Int, excludedOrganizations: Set<OrganizationID> = [], now: Timestamp, leaseUntil: Timestamp) {
        self.channel = channel
        self.limit = limit
        self.excludedOrganizations = excludedOrganizations
        self.now = now
        self.leaseUntil = leaseUntil
    }
}

/// What a store hands out: deliveries that nobody else works on until the lease ends.
public struct Claim: Hashable, Sendable {
    public var deliveries: [ClaimedDelivery]
    /// Claimed rows that cannot be read; they are to be failed.
    public var undecodable: [LeaseReference]
    /// The limit was reached: there may be more that is due.
    public var isFull: Bool
    /// The earliest time after `now` at which an unclaimed delivery of the channel becomes due. What is due and blocked by its ordering key does not count.
    public var nextDue: Timestamp?

    public init(deliveries: [ClaimedDelivery] = [], undecodable: [LeaseReference] = [], isFull: Bool = false, nextDue: Timestamp? = nil) {
        self.deliveries = deliveries
        self.undecodable = undecodable
        self.isFull = isFull
        self.nextDue = nextDue
    }
}

/// A delivery with its lease and everything a try needs.
public struct ClaimedDelivery: Hashable, Sendable {
    public var delivery: Delivery
    public var content: RenderedContent
    public var token: LeaseToken

    public init(delivery: Delivery, content: RenderedContent, token: LeaseToken) {
        self.delivery = delivery
        self.content = content
        self.token = token
    }
}
