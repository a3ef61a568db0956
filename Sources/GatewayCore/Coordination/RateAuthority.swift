public import AdapterKit

/// What a shared limit counts: what one provider's account sends, or what it sends to one recipient.
public struct RateKey: Hashable, Sendable {
    /// Whose account it is; `nil` for the gateway's own.
    public var organizationID: OrganizationID?
    public var channel: ChannelName
    /// Which of its accounts on the channel.
    public var account: String
    public var recipient: Endpoint?

    public init(organizationID: OrganizationID? = nil, channel: ChannelName, account: String = "default", recipient: Endpoint? = nil) {
        self.organizationID = organizationID
        self.channel = channel
        self.account = account
        self.recipient = recipient
    }
}

/// A limit over all nodes: a bucket of tokens that fills evenly.
public struct SharedLimit: Hashable, Sendable {
    public var key: RateKey
    public var perSecond: Double
    /// How many tokens the bucket holds.
    public var burst: Int

    public init(_ key: RateKey, perSecond: Double, burst: Int) {
        self.key = key
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// What came of asking for tokens.
public enum RateGrant: Hashable, Sendable {
    /// So many are the asker's; with none of them, there may be some after the wait.
    case tokens(Int, wait: Duration)
    /// The nodes cannot agree just now: each keeps to its part of the limit, and asks again after that time.
    case share(ofNodes: Int, for: Duration)
}

/// Keeps the limits that all nodes have together.
public protocol RateAuthority: Sendable {
    /// Takes up to `count` tokens. Answers within a fraction of a second, whatever happens.
    func take(_ count: Int, of limit: SharedLimit) async -> RateGrant
}
