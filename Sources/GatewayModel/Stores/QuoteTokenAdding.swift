public import AdapterKit

/// A store in which more public tokens than its own can lead to a quote.
public protocol QuoteTokenAdding: Sendable {
    /// Lets a further token lead to a quote; changes nothing where it leads somewhere already.
    func add(tokenHash: [UInt8], to quote: QuoteID, organizationID: OrganizationID) async throws(StoreError)
}
