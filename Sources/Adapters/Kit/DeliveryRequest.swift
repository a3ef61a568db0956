/// One try of one delivery, as an adapter sees it.
public struct DeliveryRequest: Sendable {
    public var deliveryID: DeliveryID
    public var messageID: MessageID
    public var organizationID: OrganizationID
    public var endpoint: Endpoint
    public var content: RenderedContent
    public var category: MessageCategory
    /// When the message was accepted; stays the same on every try, and so do the bytes made from it.
    public var acceptedAt: Timestamp
    /// 1 for the first try; counts every recorded one.
    public var attempt: Int
    /// 1 for the first try; counts only those that count against a limit, and begins anew when an operator has it tried again.
    public var countedAttempt: Int
    /// By when this try must have ended.
    public var deadline: Timestamp

    public init(
        deliveryID: DeliveryID, messageID: MessageID, organizationID: OrganizationID, endpoint: Endpoint, content: RenderedContent,
        category: MessageCategory = .transactional, acceptedAt: Timestamp, attempt: Int = 1, countedAttempt: Int? = nil,
        deadline: Timestamp
    ) {
        self.deliveryID = deliveryID
        self.messageID = messageID
        self.organizationID = organizationID
        self.endpoint = endpoint
        self.content = content
        self.category = category
        self.acceptedAt = acceptedAt
        self.attempt = attempt
        self.countedAttempt = countedAttempt ?? attempt
        self.deadline = deadline
    }

    /// The id that goes on the wire and is the same on every try: the far end's key against duplicates.
    public var wireID: String { deliveryID.description }
}
