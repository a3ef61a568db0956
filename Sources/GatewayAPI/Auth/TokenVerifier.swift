public import AdapterKit
import GatewayModel
import JWTKit

/// Checks the signed tokens of another system (RFC 7519) and reads the caller from them.
struct TokenVerifier: Sendable {
    /// How far the clocks may differ, in seconds.
    private static let skew: Int64 = 60

    private let configuration: JWTConfiguration
    /// Each key with its id in the set, if it has one. One collection for each, because a collection tries no other key than the first that
    /// could be meant.
    private var keys: [(id: String?, collection: JWTKeyCollection)] = []
    private let algorithms: Set<String>

    /// Throws the faults of the keys, under `auth.jwt`.
    init(_ configuration: JWTConfiguration) async throws(Faults) {
        self.configuration = configuration
        let faults = configuration.keys.faults
        guard faults.isEmpty else { throw Faults(faults) }
        switch configuration.keys {
        case .hs256(let secret):
            algorithms = ["HS256"]
            let collection = JWTKeyCollection()
            await collection.add(hmac: HMACKey(from: secret.reveal()), digestAlgorithm: .sha256)
            keys = [(nil, collection)]
        case .keySet(let json, let algorithms):
            self.algorithms = algorithms
            for (place, key) in JWTConfiguration.Keys.usable(json).enumerated() {
                var named = key
                named.keyIdentifier = key.keyIdentifier ?? JWKIdentifier(string: "\(place)")
                let collection = JWTKeyCollection()
                do { try await collection.add(jwk: named) } catch {
                    throw Faults([Fault("auth.jwt.jwksFile", "holds a key whose figures are wrong, at place \(place + 1)")])
                }
                keys.append((key.keyIdentifier?.string, collection))
            }
        }
    }

    /// The caller, or `nil` for a token that is not to be believed.
    func caller(_ token: String, at now: Timestamp) async -> Caller? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.json(parts[0]), let claims = Self.json(parts[1]) else { return nil }
        // The header only ever chooses among the algorithms that the configuration allows (RFC 8725, section 3.1).
        guard let algorithm = header["alg"]?.stringValue, algorithms.contains(algorithm), header["crit"] == nil else { return nil }
        guard await isSigned(token, with: header["kid"]?.stringValue) else { return nil }
        return caller(claims, at: now)
    }

    /// Whether one of the keys signed the token: the one it names, or any where it names none that is there.
    private func isSigned(_ token: String, with id: String?) async -> Bool {
        let named = keys.filter { $0.id == id }
        for key in named.isEmpty ? keys : named {
            if (try? await key.collection.verify(token, as: Signed.self)) != nil { return true }
        }
        return false
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

extension JWTConfiguration.Keys {
    /// What is wrong with the keys, as far as that can be told without a token.
    public var faults: [Fault] {
        switch self {
        case .hs256(let secret):
            // RFC 7518, section 3.2: a key of at least the size of the digest.
            return secret.reveal().utf8.count < 32 ? [Fault("auth.jwt.secret", "must have at least 32 bytes")] : []
        case .keySet(let json, _):
            return Self.usable(json).isEmpty
                ? [Fault("auth.jwt.jwksFile", "holds no key that RS256, ES256 or EdDSA can be checked with")] : []
        }
    }

    /// The keys of a set that are for signing and of a kind we know; others are passed over (RFC 7517, section 5).
    static func usable(_ json: String) -> [JWK] {
        guard let set = try? JSONValue(parsing: json)["keys"]?.arrayValue else { return [] }
        return set.compactMap { value in
            let use = value["use"]?.stringValue
            return use == nil || use == "sig" ? try? JWK(json: value.text) : nil
        }
    }
}

/// The signature is checked by the library, the claims by us: their names are a matter of configuration.
private struct Signed: JWTPayload {
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws {}
    func verify(using algorithm: some JWTAlgorithm) throws {}
}
