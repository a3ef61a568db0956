import AdapterKit
public import GatewayModel
import WorkflowEngine

/// Finds out whether what a store has sealed can be opened, before customers are told that it cannot.
public struct SealingCheck: Sendable {
    private let store: any QuoteStore & OrganizationStore
    private let sealer: any Sealer

    /// So many quotes are tried, the newest of each organization: enough to tell another keyring, and done at once.
    private static let mostQuotes = 500
    private static let mostOfOne = 20

    public init(store: any QuoteStore & OrganizationStore, sealer: any Sealer) {
        self.store = store
        self.sealer = sealer
    }

    /// Why something sealed does not open; nil when all that was tried does.
    ///
    /// A row that cannot be read says nothing of the keyring.
    public func fault() async -> SealingError? {
        var left = Self.mostQuotes
        for organization in (try? await store.organizations()) ?? [] where left > 0 {
            let query = EventQuery(
                organizationID: organization.id, trigger: DecisionTable.quoteSent, limit: min(left, Self.mostOfOne))
            for (event, _) in (try? await store.events(query))?.elements ?? [] {
                left -= 1
                guard let id = event.quoteID, let quote = try? await store.quote(id, organizationID: organization.id) else { continue }
                do { _ = try quote.publicToken(with: sealer) } catch { return error }
            }
        }
        return nil
    }
}

extension Quote {
    /// The public token, opened; nil when the quote has none.
    func publicToken(with sealer: any Sealer) throws(SealingError) -> String? {
        guard let sealedToken else { return nil }
        return String(decoding: try sealer.open(sealedToken, for: tokenContext), as: UTF8.self)
    }

    /// What a token is sealed for, so that it opens for this quote alone.
    var tokenContext: String { "quote-token:\(organizationID):\(id)" }
}
