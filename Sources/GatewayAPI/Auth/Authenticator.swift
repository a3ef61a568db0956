import AdapterKit
import GatewayModel
import HTTPTypes
import Hummingbird
import QuoteBridge
import Signing

/// Finds out who calls.
struct Authenticator: Sendable {
    let store: any OrganizationStore
    /// Has a copy of the store, to be asked while that is away.
    let spool: Spool?
    let verifier: TokenVerifier?
    let clock: any WallClock

    /// The caller that a request's bearer token (RFC 6750) names; throws 401 without a good one.
    func caller(_ request: Request) async throws -> Caller {
        guard let token = Self.token(request) else {
            throw APIError(.unauthenticated, "A bearer token is needed.", headers: [.wwwAuthenticate: "Bearer"])
        }
        let hash = SHA256.digest(Array(token.utf8))
        let (key, doubt) = try await known { store async throws(StoreError) in try await store.key(tokenHash: hash) }
        if let key, key.revokedAt == nil { return Caller(key) }
        if let caller = await verifier?.caller(token, at: clock.now) {
            // Organizations are made by the command line only, not by whoever signs tokens.
            guard let id = caller.organizationID else { throw Self.unknownOrganization }
            let (organization, doubt) = try await known { store async throws(StoreError) in try await store.organization(id) }
            guard organization != nil else { throw doubt ?? Self.unknownOrganization }
            return caller
        }
        if let doubt { throw doubt }
        throw APIError(.unauthenticated, "The bearer token is not valid.", headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
    }

    private static let unknownOrganization = APIError(.forbidden, "The token's organization is not known here.")

    /// What the store knows, or its copy while it is away; what the copy lacks may have come since, and then `doubt` says why nobody can tell.
    private func known<Value>(
        _ find: (any OrganizationStore) async throws(StoreError) -> Value?
    ) async throws -> (Value?, doubt: (any Error)?) {
        guard let spool else { return (try await find(store), nil) }
        do throws(StoreError) {
            return (try await spool.patience.ask { () async throws(StoreError) in try await find(store) }, nil)
        } catch {
            guard error == .unavailable || error == .outcomeUnknown else { throw error }
            let found = try await find(spool.store.store)
            return (found, found == nil ? error : nil)
        }
    }

    static func token(_ request: Request) -> String? {
        guard let value = request.headers[.authorization] else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= 8192 else { return nil }
        return String(parts[1])
    }
}
