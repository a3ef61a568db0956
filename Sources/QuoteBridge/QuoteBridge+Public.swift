public import AdapterKit
public import GatewayModel
import Signing
import WorkflowEngine

// What a customer does with the link of a quote.
extension QuoteBridge {
    /// A quote by its public token.
    public func quote(publicToken: String) async throws(BridgeError) -> Quote {
        let hash = SHA256.digest(Array(publicToken.utf8))
        guard let quote = try await stored({ () throws(StoreError) in try await store.quote(tokenHash: hash) }) else { throw .notFound }
        return quote
    }

    /// Whether the time in which a quote could be answered is over.
    public func isOver(_ quote: Quote) -> Bool {
        guard let end = quote.validUntil ?? quote.sentAt.map({ $0 + configuration.tokenLifetime }) else { return false }
        return end < clock.now
    }

    /// Whether a quote that was not answered can be answered no more.
    public func isExpired(_ quote: Quote) -> Bool { quote.state == .sent && isOver(quote) }

    /// Records that the customer looked at the quote; only the first look counts.
    public func view(_ quote: Quote) async throws(BridgeError) -> Quote {
        guard quote.viewedAt == nil else { return quote }
        let now = clock.now
        let activity = Activity(
            id: .make(), organizationID: quote.organizationID, quoteID: quote.id, eventType: "quote_viewed",
            message: "Quote \(quote.number) was viewed", metadata: ["quoteNumber": .string(quote.number)], createdAt: now)
        let isFirst = try await stored { () throws(StoreError) in
            try await store.recordView(quote.id, organizationID: quote.organizationID, at: now, activity: activity)
        }
        guard isFirst else {
            return try await self.stored { () throws(StoreError) in try await store.quote(quote.id, organizationID: quote.organizationID) }
                ?? quote
        }
        feed.publish([activity])
        var viewed = quote
        viewed.viewedAt = now
        return viewed
    }

    /// The customer accepts or rejects by the quote's link. Of two at once one is taken, the other is told.
    public func close(publicToken: String, as trigger: String, _ body: JSONValue) async throws(BridgeError) -> Quote {
        let quote = try await quote(publicToken: publicToken)
        let event: QuoteEvent
        do throws(BridgeError) { event = try closing(quote, as: trigger, body) } catch {
            count(trigger, .refused)
            throw error
        }
        // Of two answers one must be refused, which the store alone can tell.
        _ = try await publishToStore(event, organizationID: quote.organizationID)
        return try await self.quote(publicToken: publicToken)
    }

    private func closing(_ quote: Quote, as trigger: String, _ body: JSONValue) throws(BridgeError) -> QuoteEvent {
        if quote.state.isClosed { throw .alreadyClosed(quote.state) }
        if isExpired(quote) { throw .expired }
        do { return try QuoteEvent(body, trigger: trigger, quoteID: quote.id) } catch { throw .invalid(error) }
    }
}
