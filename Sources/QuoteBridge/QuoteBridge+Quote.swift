import AdapterKit
import GatewayModel
import Signing
import WorkflowEngine

// What is remembered of a quote, and the token by which its customer finds it.
extension QuoteBridge {
    /// The quote's public token, opened; nil when it has none or it can no longer be opened.
    func publicToken(_ quote: Quote) -> String? { (try? quote.publicToken(with: sealer)) ?? nil }

    /// The same where nothing is worth anything without it.
    func requirePublicToken(_ quote: Quote) throws(BridgeError) -> String? {
        do { return try quote.publicToken(with: sealer) } catch { throw .sealed(error) }
    }

    /// The token that links of this event's messages carry: the quote's own, else the event's, else for a quote that is sent a new one.
    func token(_ event: QuoteEvent, _ before: Quote?) throws(BridgeError) -> String? {
        guard event.isAboutQuote else { return before.flatMap(publicToken) }
        if let given = event.publicToken {
            if let known = before?.tokenHash, known != SHA256.digest(Array(given.utf8)) { throw .tokenConflict }
            return given
        }
        if let before, before.tokenHash != nil {
            // A mail whose only purpose is its link is not sent without it.
            return event.trigger == DecisionTable.quoteSent ? try requirePublicToken(before) : publicToken(before)
        }
        return event.trigger == DecisionTable.quoteSent ? Self.newToken() : nil
    }

    /// 192 random bits in letters that need no escaping in a URL.
    private static func newToken() -> String { token(RandomBytes.make(24)) }

    static func token(_ bytes: [UInt8]) -> String {
        String(Base64.encode(bytes).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    /// The files that go along with the lead's mail: the event's own, and with a thank-you else the document that the quote was sent with.
    func files(_ event: QuoteEvent, _ before: Quote?) async throws(BridgeError) -> [Attachment] {
        if !event.attachments.isEmpty { return event.attachments }
        guard event.trigger == DecisionTable.quoteAccepted, let before else { return [] }
        let kept = try await stored { () throws(StoreError) in try await store.files(of: before.id, organizationID: before.organizationID) }
        let number = before.number
        return kept.map(\.attachment).filter { $0.contentType.lowercased().hasPrefix("application/pdf") }.prefix(1).map {
            Attachment(filename: LegacyText.documentName(quoteNumber: number), contentType: $0.contentType, bytes: $0.bytes)
        }
    }

    /// The quote as the event leaves it. A quote that was closed stays so, whatever else is told of it.
    func quote(
        _ id: QuoteID, _ event: QuoteEvent, before: Quote?, fields: QuoteFields, token: String?, stored: StoredEvent
    ) throws(BridgeError) -> Quote {
        let now = stored.acceptedAt
        var quote =
            before
            ?? Quote(
                id: id, organizationID: stored.organizationID, state: .sent, number: "", fields: .object([:]),
                sentApiKeyID: stored.apiKeyID,
                createdAt: now, updatedAt: now)
        // What a customer has accepted or rejected stays as they saw it.
        if !quote.state.isClosed {
            quote.number = fields.text("quoteNumber") ?? quote.number
            quote.leadID = stored.leadID ?? quote.leadID
            quote.totalCents = fields.totalCents ?? quote.totalCents
            quote.currency = fields.text("currency") ?? quote.currency
            quote.validUntil = fields.validUntil ?? quote.validUntil
            quote.fields = fields.remembered
        }
        quote.updatedAt = now
        let happenedAt = event.occurredAt ?? now
        switch event.trigger {
        case DecisionTable.quoteAccepted:
            quote.state = .accepted
            quote.acceptedAt = happenedAt
        case DecisionTable.quoteRejected:
            quote.state = .rejected
            quote.rejectedAt = happenedAt
        default: quote.sentAt = happenedAt
        }
        if let token, quote.tokenHash == nil {
            quote.tokenHash = SHA256.digest(Array(token.utf8))
            do { quote.sealedToken = try sealer.seal(Array(token.utf8), for: quote.tokenContext) } catch { throw .sealed(error) }
        }
        return quote
    }

    func activity(
        _ event: QuoteEvent, _ quoteID: QuoteID, _ fields: QuoteFields, organizationID: OrganizationID, at now: Timestamp
    ) -> Activity {
        let number = fields.text("quoteNumber") ?? quoteID.text
        var metadata: [String: JSONValue] = ["quoteNumber": .string(number)]
        let message: String
        switch event.trigger {
        case DecisionTable.quoteAccepted:
            message = "Quote \(number) was accepted"
            metadata["signatureName"] = JSONValue(fields.text("signatureName"))
            metadata["totalCents"] = fields.totalCents.map { .int($0) } ?? .null
        case DecisionTable.quoteRejected:
            message = "Quote \(number) was rejected"
            metadata["reason"] = JSONValue(fields.text("reason"))
        default:
            message = "Quote \(number) was sent"
            metadata["consumerEmail"] = JSONValue(fields.text("consumerEmail"))
        }
        return Activity(
            id: .make(), organizationID: organizationID, quoteID: quoteID, eventType: event.trigger, message: message,
            metadata: .object(metadata),
            createdAt: now)
    }
}
