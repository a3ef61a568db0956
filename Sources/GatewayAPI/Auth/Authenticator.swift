import AdapterKit
import GatewayModel
import HTTPTypes
import Hummingbird
import Signing

/// Finds out who calls.
struct Authenticator: Sendable {
    let store: any GatewayStore
    let verifier: TokenVerifier?
    let clock: any WallClock

    /// The caller that a request's bearer token (RFC 6750) names; throws 401 without a good one.
    func caller(_ request: Request) async throws -> Caller {
        guard let token = Self.token(request) else {
            throw APIError(.unauthenticated, "A bearer token is needed.", headers: [.wwwAuthenticate: "Bearer"])
        }
        if let key = try await store.key(tokenHash: SHA256.digest(Array(token.utf8))), key.revokedAt == nil { return Caller(key) }
        if let caller = await verifier?.caller(token, at: clock.now) {
            // Organizations are made by the command line only, not by whoever signs tokens.
            guard let id = caller.organizationID, try await store.organization(id) != nil else {
                throw APIError(.forbidden, "The token's organization is not known here.")
            }
            return caller
        }
        throw APIError(.unauthenticated, "The bearer token is not valid.", headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
    }

    static func token(_ request: Request) -> String? {
        guard let value = request.headers[.authorization] else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= 8192 else { return nil }
        return String(parts[1])
    }
}
