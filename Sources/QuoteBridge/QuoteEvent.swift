public import AdapterKit
public import GatewayModel
import Signing
import WorkflowEngine

/// An event as the quote system tells it, checked; its fields keep their names of the contract.
public struct QuoteEvent: Hashable, Sendable {
    public var trigger: String
    /// The caller's id as it was given; `nil` when there was none.
    public var eventID: String?
    public var occurredAt: Timestamp?
    public var quoteID: QuoteID?
    public var leadID: LeadID?
    public var publicToken: String?
    public var attachments: [Attachment]
    /// Everything else that was said, by name; what is null or blank was not said.
    public var fields: [String: JSONValue]
    /// The body in canonical form, as it is kept: with its trigger and its quote, without its own id and without the public token.
    public var payload: [UInt8]
    /// SHA-256 of what makes two events the same: trigger, quote, and all that was said but the event's own id.
    public var bodyHash: [UInt8]
    /// Where the event stood in its call; faults are told by it.
    let path: String

    /// Checks the body of one call; throws every fault.
    ///
    /// - Parameters:
    ///   - trigger: the workflow trigger it stands for.
    ///   - quoteID: the quote that the call's path names, where it does; else the body's `quoteId`.
    ///   - leavesOut: whether the body may leave out what the gateway remembers of the quote.
    public init(
        _ json: JSONValue, trigger: String, quoteID pathQuoteID: QuoteID? = nil, path: String = "", leavesOut: Bool = false
    ) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let isAboutQuote = !DecisionTable.rows(of: trigger).isEmpty
        let isSent = trigger == DecisionTable.quoteSent
        _ = reader.string("type")
        eventID = reader.string("eventId", maximum: 200)
        occurredAt = reader.time("occurredAt")

        var quoteID = pathQuoteID
        for name in ["quoteId", "subjectId"] {
            guard let text = reader.string(name) else { continue }
            if QuoteID(text) == nil { reader.fault(name, "must have at most 200 characters and no control characters") }
            if name == "quoteId", pathQuoteID != nil, pathQuoteID != QuoteID(text) {
                reader.fault(name, "differs from the quote in the path")
            }
            quoteID = quoteID ?? QuoteID(text)
        }
        if isAboutQuote, quoteID == nil, reader.faults.isEmpty { reader.fault("quoteId", "is required") }

        let leadText = reader.string("leadId", required: isSent && !leavesOut || !isAboutQuote)
        leadID = leadText.flatMap { LeadID($0) }
        if leadText != nil, leadID == nil { reader.fault("leadId", "must have at most 200 characters and no control characters") }

        _ = reader.string("quoteNumber", required: isSent && !leavesOut, maximum: 120)
        publicToken = reader.string("publicToken", maximum: 512)
        if let publicToken, publicToken.count < 22 { reader.fault("publicToken", "must have at least 22 characters") }
        if let publicToken, !publicToken.utf8.allSatisfy(Self.isTokenByte) {
            reader.fault("publicToken", "may hold only letters, digits, - . _ and ~")
        }
        _ = reader.int("totalCents", in: -1_000_000_000_000...1_000_000_000_000)
        if let currency = reader.string("currency"), currency.count != 3 || !currency.allSatisfy({ $0.isASCII && $0.isLetter }) {
            reader.fault("currency", "must be an ISO 4217 code such as EUR")
        }
        _ = reader.time("validUntil")
        for name in Self.textFields { _ = reader.string(name, maximum: 1000) }
        _ = reader.bool("whatsappOptedIn")
        if trigger == DecisionTable.quoteAccepted {
            _ = reader.string("signatureName", maximum: 255)
            _ = reader.string("signatureData", maximum: 500_000)
        }
        if trigger == DecisionTable.quoteRejected { _ = reader.string("reason", maximum: 2000) }
        let files = reader.list("attachments", count: 0...20) { (json: JSONValue, path: String) throws(Faults) in
            try Attachment(json: json, path: path)
        }
        _ = reader.object("variables")
        try reader.finish()

        self.trigger = trigger
        self.quoteID = quoteID
        self.attachments = files ?? []
        self.path = path
        var members = json.objectValue ?? [:]
        members["eventId"] = nil
        members["type"] = .string(trigger)
        if let quoteID { members["quoteId"] = .string(quoteID.text) }
        bodyHash = SHA256.digest(JSONValue.object(members).bytes)
        members["publicToken"] = nil
        payload = JSONValue.object(members).bytes
        for name in ["type", "quoteId", "subjectId", "attachments", "occurredAt", "signatureData"] { members[name] = nil }
        fields = members.filter { !$0.value.isNull && $0.value.stringValue?.allSatisfy(\.isWhitespace) != true }
    }

    private static let textFields = [
        "leadToken", "leadServiceId", "leadSource", "leadServiceType", "pipelineStage", "consumerName", "consumerEmail", "consumerPhone",
        "locale",
        "timeZone", "agentId", "agentName", "agentEmail", "agentPhone", "organizationName", "reviewUrl",
    ]

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    /// The event's id within its organization: a UUID as it is, other text as UUIDv5 of it, and a new id without any.
    public func id(in organizationID: OrganizationID) -> EventID {
        guard let eventID else { return .make() }
        if let id = EventID(eventID) { return id }
        // A version 5 UUID always has sixteen bytes.
        return EventID(bytes: UUIDv5.make(namespace: organizationID.bits.bytes, name: Array(eventID.utf8))) ?? .make()
    }
}
