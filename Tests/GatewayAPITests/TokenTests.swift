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

    private static let secret = "a secret of more than thirty-two bytes, as it must be"
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

    @Test func aGoodTokenNamesItsCaller() async throws {
        let caller = try #require(await verifier().caller(try await token(claims()), at: now))
        #expect(caller.actor == "jwt:u1")
        #expect(caller.organizationID == organizationID)
        #expect(caller.roles == [.viewer])
        let again = await try verifier().caller(try await token(claims { $0.roles = ["sender"] }), at: now)
        #expect(again?.apiKeyID == caller.apiKeyID)
    }

    @Test func badTokensNameNobody() async throws {
        let verifier = try await verifier()
        let bad: [Claims] = [
            claims { $0.exp = 1_799_999_940 }, claims { $0.exp = nil }, claims { $0.nbf = 1_800_000_061 }, claims { $0.iss = "else" },
            claims { $0.aud = ["else"] }, claims { $0.aud = nil }, claims { $0.org = "x" }, claims { $0.sub = nil },
        ]
        for claims in bad { #expect(await verifier.caller(try await token(claims), at: now) == nil) }
        #expect(await verifier.caller(try await token(claims { $0.exp = 1_799_999_941 }), at: now) != nil)
        #expect(await verifier.caller(try await token(claims { $0.nbf = 1_800_000_060 }), at: now) != nil)
    }

    @Test func otherSecretsAndAlgorithmsAreRefused() async throws {
        let verifier = try await verifier()
        #expect(await verifier.caller(try await token(claims(), secret: Self.secret + "x"), at: now) == nil)
        #expect(await verifier.caller(try await token(claims(), sha512: true), at: now) == nil)
        let good = try await token(claims())
        let parts = good.split(separator: ".")
        let none = "eyJhbGciOiJub25lIn0." + parts[1] + "."
        #expect(await verifier.caller(none, at: now) == nil)
        #expect(await verifier.caller("not.a.token", at: now) == nil)
        #expect(await verifier.caller(String(parts[0] + "." + parts[1]), at: now) == nil)
    }
}
