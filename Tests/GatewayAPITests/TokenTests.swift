import AdapterKit
import GatewayModel
import JWTKit
import Testing

@testable import GatewayAPI

/// Signed tokens of another system.
@Suite struct TokenTests {
    private static let secret = Secret("a secret that is long enough for the longest digest that a test signs with")
    private let now = Timestamp(seconds: 1_800_000_000)
    private let organizationID = OrganizationID.make()

    private func claims(_ change: JSONValue = [:]) -> JSONValue {
        let claims: JSONValue = [
            "sub": "u1", "org": .string(organizationID.description), "roles": ["viewer", "operator"], "exp": 1_800_000_100, "iss": "issuer",
            "aud": ["gateway"],
        ]
        return .object((claims.merging(change).objectValue ?? [:]).filter { !$0.value.isNull })
    }

    private func caller(_ claims: JSONValue, secret: Secret = secret) async throws -> Caller? {
        let verifier = try await TokenVerifier(JWTConfiguration(keys: .hs256(Self.secret), issuer: "issuer", audience: "gateway"))
        return await verifier.caller(try await SignedTokens.hs256(secret, claims), at: now)
    }

    @Test func aGoodTokenNamesItsCaller() async throws {
        let caller = try #require(try await caller(claims()))
        #expect(caller.actor == "jwt:u1" && caller.organizationID == organizationID && caller.roles == [.viewer])
        let again = try await self.caller(claims(["roles": "sender"]))
        #expect(again?.apiKeyID == caller.apiKeyID && again?.roles == [.sender])
        #expect(try await self.caller(claims(["aud": "gateway"])) != nil)
    }

    @Test(
        arguments: [
            ["exp": 1_799_999_940], ["exp": nil], ["exp": "never"], ["nbf": 1_800_000_061], ["nbf": "now"], ["iss": "else"], ["iss": nil],
            ["aud": ["else"]],
            ["aud": nil], ["org": "x"], ["org": nil], ["sub": nil], ["sub": ""],
        ] as [JSONValue])
    func badClaimsNameNobody(change: JSONValue) async throws {
        #expect(try await caller(claims(change)) == nil)
    }

    @Test func clocksMayDifferByAMinute() async throws {
        #expect(try await caller(claims(["exp": 1_799_999_941])) != nil)
        #expect(try await caller(claims(["nbf": 1_800_000_060])) != nil)
    }

    @Test func otherClaimsMayCarryOrganizationAndRoles() async throws {
        let configuration = JWTConfiguration(keys: .hs256(Self.secret), organizationClaim: "tenant", rolesClaim: "scp")
        let token = try await SignedTokens.hs256(
            Self.secret, ["sub": "u", "tenant": .string(organizationID.description), "scp": ["admin", "else"], "exp": 1_800_000_100])
        let caller = await (try TokenVerifier(configuration)).caller(token, at: now)
        #expect(caller?.organizationID == organizationID && caller?.roles == [.admin])
    }

    @Test func otherSecretsAndHeadersAreRefused() async throws {
        #expect(try await caller(claims(), secret: Secret(Self.secret.reveal() + "x")) == nil)
        let verifier = try await TokenVerifier(JWTConfiguration(keys: .hs256(Self.secret)))
        let good = try await SignedTokens.hs256(Self.secret, claims())
        let parts = good.split(separator: ".")
        #expect(await verifier.caller(good, at: now) != nil)
        for header in [
            #"{"alg":"none"}"#, #"{"alg":"HS512"}"#, #"{"alg":"hs256"}"#, #"{"typ":"JWT"}"#, #"{"alg":"HS256","crit":["exp"]}"#, "x",
        ] {
            let encoded = Base64.encode(Array(header.utf8)).replacing("=", with: "").replacing("+", with: "-").replacing("/", with: "_")
            for forged in ["\(encoded).\(parts[1]).", "\(encoded).\(parts[1]).\(parts[2])"] {
                #expect(await verifier.caller(forged, at: now) == nil, "\(header)")
            }
        }
        for forged in ["not.a.token", "\(parts[0]).\(parts[1])", good + ".", "\(parts[0]).\(parts[1]).AAAA", ""] {
            #expect(await verifier.caller(forged, at: now) == nil)
        }
    }

    @Test func aSecretThatIsTooShortIsAFault() async throws {
        let faults = await #expect(throws: Faults.self) { try await TokenVerifier(JWTConfiguration(keys: .hs256(Secret("short")))) }
        #expect(faults?.list.map(\.path) == ["auth.jwt.secret"])
    }
}

/// Tokens that are signed with private keys, and checked with a set of public ones.
@Suite struct KeySetTests {
    private static let all: Set = ["RS256", "ES256", "EdDSA"]
    private let now = Timestamp(seconds: 1_800_000_000)
    private let organizationID = OrganizationID.make()

    /// A signer, and its key as it stands in a set.
    private func signer(_ algorithm: String, kid: String? = nil) async throws -> (keys: JWTKeyCollection, jwk: JSONValue) {
        let keys = JWTKeyCollection()
        var jwk: [String: JSONValue]
        switch algorithm {
        case "ES256":
            let key = ES256PrivateKey()
            await keys.add(ecdsa: key)
            let point = try #require(key.publicKey.parameters)
            jwk = ["kty": "EC", "crv": "P-256", "x": .string(Self.url(point.x)), "y": .string(Self.url(point.y))]
        case "EdDSA":
            let key = try EdDSA.PrivateKey(curve: .ed25519)
            await keys.add(eddsa: key)
            jwk = ["kty": "OKP", "crv": "Ed25519", "x": .string(Self.url(Base64.encode(Array(key.publicKey.rawRepresentation))))]
        default:
            let key = try Insecure.RSA.PrivateKey(pem: KeySetExamples.rsa)
            await keys.add(rsa: key, digestAlgorithm: .sha256)
            let (modulus, exponent) = try key.publicKey.getKeyPrimitives()
            jwk = [
                "kty": "RSA", "n": .string(Self.url(Base64.encode(Array(modulus)))), "e": .string(Self.url(Base64.encode(Array(exponent)))),
            ]
        }
        jwk["kid"] = kid.map { .string($0) }
        return (keys, .object(jwk))
    }

    private static func url(_ base64: String) -> String {
        base64.replacing("=", with: "").replacing("+", with: "-").replacing("/", with: "_")
    }

    private func sign(_ keys: JWTKeyCollection, kid: String? = nil) async throws -> String {
        let claims: JSONValue = ["sub": "u1", "org": .string(organizationID.description), "roles": ["viewer"], "exp": 1_800_000_100]
        var header = JWTHeader()
        if let kid { header.kid = kid }
        return try await keys.sign(SignedTokens.Claims(claims), header: header)
    }

    private func verifier(_ jwks: [JSONValue], _ algorithms: Set<String> = all) async throws -> TokenVerifier {
        try await TokenVerifier(
            JWTConfiguration(keys: .keySet(json: JSONValue.object(["keys": .array(jwks)]).text, algorithms: algorithms)))
    }

    @Test(arguments: ["RS256", "ES256", "EdDSA"]) func aSignatureIsCheckedWithTheSet(algorithm: String) async throws {
        let (keys, jwk) = try await signer(algorithm)
        let (_, other) = try await signer("ES256", kid: "other")
        let token = try await sign(keys)
        // Kinds of keys that nobody here knows, and keys for sealing, are passed over.
        let strange: JSONValue = ["kty": "oct", "k": "AAAA", "kid": "s"]
        let sealing = jwk.merging(["use": "enc", "kid": "e"])
        #expect(try await verifier([strange, sealing, other, jwk]).caller(token, at: now) != nil)
        #expect(try await verifier([other]).caller(token, at: now) == nil, "signed with another key")
        #expect(
            try await verifier([other, jwk], Self.all.subtracting([algorithm])).caller(token, at: now) == nil,
            "the algorithm is not allowed")
        #expect(try await verifier([jwk], [algorithm]).caller(token + "x", at: now) == nil)
    }

    @Test func aKeyIsFoundByItsNameAndWithoutOne() async throws {
        let (first, firstKey) = try await signer("ES256", kid: "1")
        let (second, secondKey) = try await signer("ES256", kid: "2")
        let verifier = try await verifier([firstKey, secondKey])
        for (keys, kid) in [(first, "1"), (second, "2"), (second, nil), (second, "rotated")] as [(JWTKeyCollection, String?)] {
            #expect(await verifier.caller(try await sign(keys, kid: kid), at: now) != nil, "\(kid ?? "none")")
        }
        let (third, _) = try await signer("ES256")
        #expect(await verifier.caller(try await sign(third, kid: "1"), at: now) == nil)
    }

    @Test func aPublicKeyIsNoSecret() async throws {
        // RFC 8725, section 2.1: the public key's text used as a key for HMAC.
        let (_, jwk) = try await signer("RS256")
        let verifier = try await verifier([jwk])
        for text in [jwk.text, KeySetExamples.rsaPublic] {
            let token = try await SignedTokens.hs256(
                Secret(text), ["sub": "u", "org": .string(organizationID.description), "exp": 1_800_000_100])
            #expect(await verifier.caller(token, at: now) == nil)
        }
    }

    @Test(arguments: ["", "{}", #"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "[1"]) func aSetWithoutAUsableKeyIsAFault(
        json: String
    ) async throws {
        let faults = await #expect(throws: Faults.self) {
            try await TokenVerifier(JWTConfiguration(keys: .keySet(json: json, algorithms: Self.all)))
        }
        #expect(faults?.list.map(\.path) == ["auth.jwt.jwksFile"])
    }
}
