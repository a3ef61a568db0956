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

    /// Whether the calls are served at all: a node that only dispatches answers nothing but probes.
    public var servesCalls: Bool

    /// How often calls may be made.
    public struct Limits: Hashable, Sendable {
        /// By one address, with tokens that no quote has.
        public var unknownTokensPerMinute: Int
        /// With one quote's token.
        public var callsPerTokenPerMinute: Int
        /// By one API key, or one subject of signed tokens; 0 for no limit.
        public var requestsPerSecond: Int

        /// Streams that are open at once, in all and for one token or key.
        public var streams: Int
        public var streamsPerReader: Int

        public init(
            unknownTokensPerMinute: Int = 30, callsPerTokenPerMinute: Int = 300, requestsPerSecond: Int = 0, streams: Int = 500,
            streamsPerReader: Int = 20
        ) {
            self.unknownTokensPerMinute = unknownTokensPerMinute
            self.callsPerTokenPerMinute = callsPerTokenPerMinute
            self.requestsPerSecond = requestsPerSecond
            self.streams = streams
            self.streamsPerReader = streamsPerReader
        }
    }

    public init(
        host: String = "127.0.0.1", port: Int = 8080, trustedProxies: [String] = [], allowedOrigins: [String] = [],
        limits: Limits = Limits(),
        jwt: JWTConfiguration? = nil, servesCalls: Bool = true
    ) {
        self.servesCalls = servesCalls
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
        /// A JSON Web Key Set (RFC 7517), whose keys may sign with the algorithms given, of RS256, ES256 and EdDSA.
        case keySet(json: String, algorithms: Set<String>)
    }

    public var keys: Keys
    /// The `iss` that is required; nil for any.
    public var issuer: String?
    /// The `aud` that is required; nil for any.
    public var audience: String?
    public var organizationClaim: String
    public var rolesClaim: String

    public init(keys: Keys, issuer: String? = nil, audience: String? = nil, organizationClaim: String = "org", rolesClaim: String = "roles")
    {
        self.keys = keys
        self.issuer = issuer
        self.audience = audience
        self.organizationClaim = organizationClaim
        self.rolesClaim = rolesClaim
    }
}

extension APIConfiguration {
    /// Everything that is wrong with it, by the names of the configuration file.
    public var faults: [Fault] {
        var faults = jwt?.keys.faults ?? []
        do { _ = try ClientAddress(trustedProxies: trustedProxies) } catch { faults += error.list }
        for (index, origin) in allowedOrigins.enumerated() where origin != "*" && !Self.isOrigin(origin) {
            faults.append(Fault("http.allowedOrigins[\(index)]", "must be an origin such as https://portal.example, or *"))
        }
        return faults
    }

    /// A scheme, a host and perhaps a port, as browsers write them (RFC 6454, section 6.2).
    private static func isOrigin(_ text: String) -> Bool {
        WebURL(text)?.text == text + "/"
    }
}
