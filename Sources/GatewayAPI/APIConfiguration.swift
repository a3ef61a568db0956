public import AdapterKit

/// Where the API listens and whom it believes.
public struct APIConfiguration: Sendable {
    public var host: String
    /// 0 lets the system choose.
    public var port: Int
    /// Addresses or CIDR blocks of proxies whose `X-Forwarded-For` is believed.
    public var trustedProxies: [String]
    /// Origins whose pages may make the public quote calls; `*` for any.
    public var allowedOrigins: [String]
    public var limits: Limits
    /// nil: API keys alone.
    public var jwt: JWTConfiguration?

    /// How often the calls without a key may be made.
    public struct Limits: Hashable, Sendable {
        /// By one address, with tokens that no quote has.
        public var unknownTokensPerMinute: Int
        /// With one token.
        public var callsPerTokenPerMinute: Int

        public init(unknownTokensPerMinute: Int = 30, callsPerTokenPerMinute: Int = 300) {
            self.unknownTokensPerMinute = unknownTokensPerMinute
            self.callsPerTokenPerMinute = callsPerTokenPerMinute
        }
    }

    public init(
        host: String = "127.0.0.1", port: Int = 8080, trustedProxies: [String] = [], allowedOrigins: [String] = [], limits: Limits = Limits(),
        jwt: JWTConfiguration? = nil
    ) {
        self.host = host
        self.port = port
        self.trustedProxies = trustedProxies
        self.allowedOrigins = allowedOrigins
        self.limits = limits
        self.jwt = jwt
    }
}

/// How signed tokens of another system are checked (RFC 7519).
public struct JWTConfiguration: Sendable {
    /// What signatures are checked with; it fixes the algorithms too, whatever a token's header says.
    public enum Keys: Sendable {
        /// One shared secret: HS256.
        case hs256(Secret)
        /// A JSON Web Key Set (RFC 7517): RS256, ES256 and EdDSA.
        case keySet(json: String)
    }

    public var keys: Keys
    /// The `iss` that is required; nil for any.
    public var issuer: String?
    /// The `aud` that is required; nil for any.
    public var audience: String?
    public var organizationClaim: String
    public var rolesClaim: String

    public init(keys: Keys, issuer: String? = nil, audience: String? = nil, organizationClaim: String = "org", rolesClaim: String = "roles") {
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.organizationClaim = organizationClaim
        self.rolesClaim = rolesClaim
    }
}
