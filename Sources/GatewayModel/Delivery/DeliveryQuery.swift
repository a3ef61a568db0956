public import AdapterKit

/// Which deliveries to list, newest first.
public struct DeliveryQuery: Hashable, Sendable {
    /// nil only for operators: all organizations.
    public var organizationID: OrganizationID?
    /// Only what this key brought in.
    public var apiKeyID: APIKeyID?
    /// `pending` finds scheduled and processing ones too.
    public var status: ShownState?
    public var channel: ChannelName?
    public var address: String?
    public var trigger: String?
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    public var eventID: EventID?
    public var messageID: MessageID?
    public var origin: DeliveryOrigin?
    public var errorClass: ErrorClass?
    public var since: Timestamp?
    public var until: Timestamp?
    public var now: Timestamp
    public var limit: Int
    public var after: PageCursor?

    public init(
        organizationID: OrganizationID? = nil, apiKeyID: APIKeyID? = nil, status: ShownState? = nil, channel: ChannelName? = nil,
        address: String? = nil, trigger: String? = nil, quoteID: QuoteID? = nil, leadID: LeadID? = nil, eventID: EventID? = nil,
        messageID: MessageID? = nil, origin: DeliveryOrigin? = nil, errorClass: ErrorClass? = nil, since: Timestamp? = nil,
        until: Timestamp? = nil, now: Timestamp, limit: Int = 50, after: PageCursor? = nil
    ) {
        self.organizationID = organizationID
        self.apiKeyID = apiKeyID
        self.status = status
        self.channel = channel
        self.address = address
        self.trigger = trigger
        self.quoteID = quoteID
        self.leadID = leadID
        self.eventID = eventID
        self.messageID = messageID
        self.origin = origin
        self.errorClass = errorClass
        self.since = since
        self.until = until
        self.now = now
        self.limit = limit
        self.after = after
    }
}

/// One page of a list.
public struct Page<Element: Sendable>: Sendable {
    public var elements: [Element]
    public var next: PageCursor?

    public init(elements: [Element], next: PageCursor? = nil) {
        self.elements = elements
        self.next = next
    }
}

/// Where a page ended: stable under inserts, because it names the last row rather than a count.
public struct PageCursor: Hashable, Sendable {
    public var time: Timestamp
    public var id: UUIDBits

    public init(time: Timestamp, id: UUIDBits) {
        self.time = time
        self.id = id
    }
}
