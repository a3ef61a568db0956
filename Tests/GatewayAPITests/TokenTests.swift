import AdapterKit
import GatewayModel
import JWTKit
import Testing

@testable import GatewayAPI

/// Signed tokens of another system.
@Suite struct TokenTests {
    private struct Claims: JWTPayload {
        var sub: String? = "u1"
        var org: String?
        var roles: [String]? = ["viewer", "operator"]
        var exp: Double?
        var nbf: Double?
        var iss: String? = "issuer"
        var aud: [String]? = ["gateway"]

        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    private static let secret = "a secret that is long enough for the longest digest that a test signs with"
    private let now = Timestamp(seconds: 1_800_000_000)
    private let organizationID = OrganizationID.make()

    private func token(_ claims: Claims, secret: String = secret, sha512: Bool = false) async throws -> String {
        let keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: secret), digestAlgorithm: sha512 ? .sha512 : .sha256)
        return try await keys.sign(claims)
    }

    private func verifier() async throws -> TokenVerifier {
        try await TokenVerifier(JWTConfiguration(keys: .hs256(Secret(Self.secret)), issuer: "issuer", audience: "gateway"))
    }

    private func claims(_ change: (inout Claims) -> Void = { _ in }) -> Claims {
        var claims = Claims(org: organizationID.description, exp: 1_800_000_100)
        change(&claims)
        return claims
    }

    private func caller(_ claims: Claims, secret: String = secret, sha512: Bool = false) async throws -> Caller? {
        let token = try await token(claims, secret: secret, sha512: sha512)
        return try await verifier().caller(token, at: now)
    }

    @Test func aGoodTokenNamesItsCaller() async throws {
        let caller = try #require(try await caller(claims()))
        #expect(caller.actor == "jwt:u1")
        #expect(caller.organizationID == organizationID)
        #expect(caller.roles == [.viewer])
        let again = try await self.caller(claims { $0.roles = ["sender"] })
        #expect(again?.apiKeyID == caller.apiKeyID)
    }

    @Test func badTokensNameNobody() async throws {
        let bad: [Claims] = [
            claims { $0.exp = 1_799_999_940 }, claims { $0.exp = nil }, claims { $0.nbf = 1_800_000_061 }, claims { $0.iss = "else" },
            claims { $0.aud = ["else"] }, claims { $0.aud = nil }, claims { $0.org = "x" }, claims { $0.sub = nil },
        ]
        for claims in bad { #expect(try await caller(claims) == nil) }
        #expect(try await caller(claims { $0.exp = 1_799_999_941 }) != nil)
        #expect(try await caller(claims { $0.nbf = 1_800_000_060 }) != nil)
    }

    @Test func otherSecretsAndAlgorithmsAreRefused() async throws {
        #expect(try await caller(claims(), secret: Self.secret + "x") == nil)
        #expect(try await caller(claims(), sha512: true) == nil)
        let verifier = try await verifier()
        let parts = try await token(claims()).split(separator: ".")
        for forged in ["eyJhbGciOiJub25lIn0.\(parts[1]).", "not.a.token", "\(parts[0]).\(parts[1])"] {
            let caller = await verifier.caller(forged, at: now)
            #expect(caller == nil)
        }
    }
}
