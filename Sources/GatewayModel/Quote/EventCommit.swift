public import AdapterKit

/// Everything one event changes, written in one transaction or not at all.
public struct EventCommit: Sendable {
    public var event: StoredEvent
    public var decisions: [Decision]
    public var messages: [NewMessage]
    /// The quote as it is to stand; its `revision` is the one that was read (0 for a new quote), the store raises it.
    public var quote: Quote?
    /// Replaces the quote's kept files when not empty.
    public var quoteFiles: [QuoteFile]
    public var activities: [Activity]
    /// Remembered, where a known value is not overwritten by a missing one.
    public var lead: Lead?
    public var supersedes: Supersession?

    public init(
        event: StoredEvent, decisions: [Decision], messages: [NewMessage] = [], quote: Quote? = nil, quoteFiles: [QuoteFile] = [],
        activities: [Activity] = [], lead: Lead? = nil, supersedes: Supersession? = nil
    ) {
        self.event = event
        self.decisions = decisions
        self.messages = messages
        self.quote = quote
        self.quoteFiles = quoteFiles
        self.activities = activities
        self.lead = lead
        self.supersedes = supersedes
    }
}

/// Cancels a quote's pending deliveries of delayed steps that have not been tried.
public struct Supersession: Hashable, Sendable {
    public var quoteID: QuoteID
    public var at: Timestamp

    public init(quoteID: QuoteID, at: Timestamp) {
        self.quoteID = quoteID
        self.at = at
    }
}

public enum EventCommitResult: Hashable, Sendable {
    case committed
    /// The id was accepted before with the same body.
    case duplicate(StoredEvent, [Decision])
    /// The id was accepted before with another body.
    case bodyConflict
    /// The quote is not what it was when it was read: read again and decide again.
    case quoteChanged
    /// The public token belongs to another quote.
    case tokenConflict
}

/// What a second look at an event with deferred decisions gives: replaces those decisions.
public struct PlannedRetry: Sendable {
    public var eventID: EventID
    public var organizationID: OrganizationID
    public var decisions: [Decision]
    public var messages: [NewMessage]
    public var isPlanned: Bool

    public init(eventID: EventID, organizationID: OrganizationID, decisions: [Decision], messages: [NewMessage], isPlanned: Bool) {
        self.eventID = eventID
        self.organizationID = organizationID
        self.decisions = decisions
        self.messages = messages
        self.isPlanned = isPlanned
    }
}

/// Which events to list, newest first.
public struct EventQuery: Hashable, Sendable {
    public var organizationID: OrganizationID
    public var apiKeyID: APIKeyID?
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    public var trigger: String?
    public var limit: Int
    public var after: PageCursor?

    public init(
        organizationID: OrganizationID, apiKeyID: APIKeyID? = nil, quoteID: QuoteID? = nil, leadID: LeadID? = nil, trigger: String? = nil,
        limit: Int = 50, after: PageCursor? = nil
    ) {
        self.organizationID = organizationID
        self.apiKeyID = apiKeyID
        self.quoteID = quoteID
        self.leadID = leadID
        self.trigger = trigger
        self.limit = limit
        self.after = after
    }
}
