import AdapterKit
import GatewayModel
import JWTKit

/// Checks the signed tokens of another system (RFC 7519) and reads the caller from them.
struct TokenVerifier: Sendable {
    /// How far the clocks may differ, in seconds.
    private static let skew: Int64 = 60

    private let configuration: JWTConfiguration
    private let keys = JWTKeyCollection()
    private let algorithms: Set<String>

    init(_ configuration: JWTConfiguration) async throws {
        self.configuration = configuration
        switch configuration.keys {
        case .hs256(let secret):
            // RFC 7518, section 3.2: a key of at least the size of the digest.
            guard secret.reveal().utf8.count >= 32 else { throw Faults([Fault("auth.jwt.secret", "must have at least 32 bytes")]) }
            algorithms = ["HS256"]
            await keys.add(hmac: HMACKey(from: secret.reveal()), digestAlgorithm: .sha256)
        case .keySet(let json):
            algorithms = ["RS256", "ES256", "EdDSA"]
            try await keys.add(jwksJSON: json)
        }
    }

    /// The caller, or `nil` for a token that is not to be believed.
    func caller(_ token: String, at now: Timestamp) async -> Caller? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.json(parts[0]), let claims = Self.json(parts[1]) else { return nil }
        // The header only ever chooses among the algorithms that the configuration allows (RFC 8725, section 3.1).
        guard let algorithm = header["alg"]?.stringValue, algorithms.contains(algorithm), header["crit"] == nil else { return nil }
        guard (try? await keys.verify(token, as: Signed.self)) != nil else { return nil }
        return caller(claims, at: now)
    }

    private func caller(_ claims: JSONValue, at now: Timestamp) -> Caller? {
        let seconds = Double(now.secondsSinceEpoch)
        let skew = Double(Self.skew)
        guard let expiry = claims["exp"]?.doubleValue, seconds < expiry + skew else { return nil }
        if let begin = claims["nbf"] {
            guard let begin = begin.doubleValue, begin - skew <= seconds else { return nil }
        }
        if let issuer = configuration.issuer, claims["iss"]?.stringValue != issuer { return nil }
        if let audience = configuration.audience, !Self.strings(claims["aud"]).contains(audience) { return nil }
        guard let subject = claims["sub"]?.stringValue, !subject.isEmpty, subject.count <= 200 else { return nil }
        guard let organizationID = claims[configuration.organizationClaim]?.stringValue.flatMap({ OrganizationID($0) }) else { return nil }
        // Operators belong to no organization and come with keys of this gateway only.
        let roles = Set(Self.strings(claims[configuration.rolesClaim]).compactMap { Role(rawValue: $0) }).subtracting([.operator])
        return Caller(subject: subject, organizationID: organizationID, roles: roles)
    }

    /// The strings of an array, or the one that stands alone.
    private static func strings(_ value: JSONValue?) -> [String] {
        value?.stringValue.map { [$0] } ?? value?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    /// A part of a token: base64url without padding (RFC 7515, section 2).
    private static func json(_ part: Substring) -> JSONValue? {
        var text = String(part.replacing("-", with: "+").replacing("_", with: "/"))
        text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Base64.decode(text).flatMap { try? JSONValue(parsing: $0) }
    }
}

/// The signature is checked by the library, the claims by us: their names are a matter of configuration.
private struct Signed: JWTPayload {
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws {}
    func verify(using algorithm: some JWTAlgorithm) throws {}
}
