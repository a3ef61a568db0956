public import AdapterKit

/// What the gateway remembers of a quote.
public struct Quote: Hashable, Sendable {
    public var id: QuoteID
    public var organizationID: OrganizationID
    public var state: QuoteState
    public var number: String
    public var leadID: LeadID?
    /// SHA-256 of the public token; how public calls find the quote.
    public var tokenHash: [UInt8]?
    /// The token itself, sealed, for building links.
    public var sealedToken: [UInt8]?
    public var totalCents: Int64?
    public var currency: String
    public var validUntil: Timestamp?
    /// The remembered fields of the events, by their names in the contract.
    public var fields: JSONValue
    public var sentAt: Timestamp?
    public var viewedAt: Timestamp?
    public var acceptedAt: Timestamp?
    public var rejectedAt: Timestamp?
    /// The key that first brought it in.
    public var sentApiKeyID: APIKeyID?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
    public var revision: Int64

    public init(
        id: QuoteID, organizationID: OrganizationID, state: QuoteState, number: String, leadID: LeadID? = nil, tokenHash: [UInt8]? = nil,
        sealedToken: [UInt8]? = nil, totalCents: Int64? = nil, currency: String = "EUR", validUntil: Timestamp? = nil, fields: JSONValue,
        sentAt: Timestamp? = nil, viewedAt: Timestamp? = nil, acceptedAt: Timestamp? = nil, rejectedAt: Timestamp? = nil,
        sentApiKeyID: APIKeyID? = nil, createdAt: Timestamp, updatedAt: Timestamp, revision: Int64 = 0
    ) {
        self.id = id
        self.organizationID = organizationID
        self.state = state
        self.number = number
        self.leadID = leadID
        self.tokenHash = tokenHash
        self.sealedToken = sealedToken
        self.totalCents = totalCents
        self.currency = currency
        self.validUntil = validUntil
        self.fields = fields
        self.sentAt = sentAt
        self.viewedAt = viewedAt
        self.acceptedAt = acceptedAt
        self.rejectedAt = rejectedAt
        self.sentApiKeyID = sentApiKeyID
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.revision = revision
    }
}

/// Where a quote stands. Expiry is a matter of time, not of state.
public enum QuoteState: String, Hashable, Sendable, CaseIterable {
    case sent = "Sent"
    case accepted = "Accepted"
    case rejected = "Rejected"

    public var isClosed: Bool { self != .sent }
}

/// An entry of a quote's history.
public struct Activity: Hashable, Sendable {
    public var id: ActivityID
    public var organizationID: OrganizationID
    public var quoteID: QuoteID
    /// `quote_sent`, `quote_viewed`, `quote_accepted`, `quote_rejected`.
    public var eventType: String
    public var message: String
    public var metadata: JSONValue
    public var createdAt: Timestamp

    public init(
        id: ActivityID, organizationID: OrganizationID, quoteID: QuoteID, eventType: String, message: String, metadata: JSONValue,
        createdAt: Timestamp
    ) {
        self.id = id
        self.organizationID = organizationID
        self.quoteID = quoteID
        self.eventType = eventType
        self.message = message
        self.metadata = metadata
        self.createdAt = createdAt
    }
}

extension Activity {
    /// The same entry under an id that sorts after `latest`: a quote's history is read in the order in which it was written, whatever the
    /// clocks of those who wrote it say.
    public func following(_ latest: ActivityID?) -> Activity {
        guard let latest, id <= latest else { return self }
        var later = self
        let (low, overflow) = latest.bits.low.addingReportingOverflow(1)
        later.id = ActivityID(UUIDBits(high: latest.bits.high &+ (overflow ? 1 : 0), low: low))
        return later
    }
}

/// A file that came with a quote's event and may go along with a later one's mail.
public struct QuoteFile: Hashable, Sendable {
    public var quoteID: QuoteID
    public var attachment: Attachment

    public init(quoteID: QuoteID, attachment: Attachment) {
        self.quoteID = quoteID
        self.attachment = attachment
    }
}
