public import AdapterKit
public import GatewayModel

/// A message as a caller asks for it, before anything of it was checked.
public struct MessageDraft: Hashable, Sendable {
    public struct Leg: Hashable, Sendable {
        public var channel: ChannelName
        public var to: String
        public var content: JSONValue
        /// How long after acceptance a fallback is sent unless the leg before it has succeeded by then; `nil` = only when that one fails.
        /// A failure never waits for that time.
        public var after: Duration?

        public init(channel: ChannelName, to: String, content: JSONValue, after: Duration? = nil) {
            self.channel = channel
            self.to = to
            self.content = content
            self.after = after
        }
    }

    /// Set where the caller has been told the message's id already.
    public var id: MessageID?
    public var organizationID: OrganizationID
    public var first: Leg
    /// Sent one after the other, each when the one before it fails.
    public var fallback: [Leg]
    public var idempotencyKey: String?
    /// SHA-256 of the request that brought it.
    public var bodyHash: [UInt8]
    public var notBefore: Timestamp?
    public var expiresAt: Timestamp?
    public var orderingKey: String?
    public var category: MessageCategory
    public var metadata: JSONValue?
    public var apiKeyID: APIKeyID?

    public init(
        id: MessageID? = nil, organizationID: OrganizationID, first: Leg, fallback: [Leg] = [], idempotencyKey: String? = nil,
        bodyHash: [UInt8] = [], notBefore: Timestamp? = nil, expiresAt: Timestamp? = nil, orderingKey: String? = nil,
        category: MessageCategory = .transactional,
        metadata: JSONValue? = nil, apiKeyID: APIKeyID? = nil
    ) {
        self.id = id
        self.organizationID = organizationID
        self.first = first
        self.fallback = fallback
        self.idempotencyKey = idempotencyKey
        self.bodyHash = bodyHash
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.orderingKey = orderingKey
        self.category = category
        self.metadata = metadata
        self.apiKeyID = apiKeyID
    }
}
