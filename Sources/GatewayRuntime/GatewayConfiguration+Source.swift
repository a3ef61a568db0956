public import AdapterKit
import GatewayCore
import QuoteBridge
import Signing

extension GatewayConfiguration {
    /// Reads a configuration; throws every fault at once, each with its key and line.
    ///
    /// - Parameter installed: the channels that may be configured; their field specs say what may stand in their sections.
    public init(_ source: consuming ConfigurationSource, installed: [AdapterDescriptor]) throws(Faults) {
        var source = source
        let store = Self.storePath(&source)
        let keyring = source.string("secrets.keyring")
        if let keyring {
            do { _ = try Keyring(parsing: keyring) } catch { source.fault("secrets.keyring", "is not a keyring: \(error)") }
        } else {
            source.fault("secrets.keyring", "is required: a file of lines `id base64(32 bytes)`, such as \"file:/etc/gatewayd/keyring\"")
        }
        self.init(storePath: store ?? "", keyring: Secret(keyring ?? ""))
        if let mode = source.choice("store.migrate", of: ["apply", "verify"]) { appliesMigrations = mode == "apply" }

        readHTTP(&source)
        readJWT(&source)
        for text in source.strings("network.allow") ?? [] {
            if let block = AddressBlock(text) { networkAllow.append(block) } else { source.fault("network.allow", "must hold blocks such as 10.0.0.0/8") }
        }
        let retry = Self.retry("retry", over: RetryPolicy(), &source)
        readDispatch(&source)
        readChannels(&source, retry: retry, installed: installed)
        readQuotes(&source)
        limits.publicUnknownTokensPerMinute =
            source.int("limits.publicUnknownTokensPerMinute", in: 1...1_000_000) ?? limits.publicUnknownTokensPerMinute
        limits.publicCallsPerTokenPerMinute =
            source.int("limits.publicCallsPerTokenPerMinute", in: 1...1_000_000) ?? limits.publicCallsPerTokenPerMinute
        retention.settled = source.duration("retention.settled") ?? retention.settled
        retention.events = source.duration("retention.events") ?? retention.events
        try source.finish()
    }

    private static func storePath(_ source: inout ConfigurationSource) -> String? {
        guard let url = source.string("store.url") else {
            source.fault("store.url", "is required, such as \"sqlite:/var/lib/gatewayd/gatewayd.db\"")
            return nil
        }
        guard url.hasPrefix("sqlite:"), url.count > 7 else {
            source.fault("store.url", "must name the embedded store, as sqlite:/path/to/file")
            return nil
        }
        return String(url.dropFirst(7))
    }

    private mutating func readHTTP(_ source: inout ConfigurationSource) {
        http.host = source.string("http.host") ?? http.host
        http.port = source.int("http.port", in: 0...65_535) ?? http.port
        http.publicBaseURL = source.string("http.publicBaseURL")
        http.trustedProxies = source.strings("http.trustedProxies") ?? []
        http.allowedOrigins = source.strings("http.allowedOrigins") ?? []
    }

    private mutating func readJWT(_ source: inout ConfigurationSource) {
        guard let algorithm = source.choice("auth.jwt.algorithm", of: ["HS256", "RS256", "ES256", "EdDSA"]) else { return }
        let secret = source.string("auth.jwt.secret")
        let jwks = source.string("auth.jwt.jwksFile")
        if algorithm == "HS256", secret == nil { source.fault("auth.jwt.secret", "is required with HS256") }
        if let secret, secret.utf8.count < 32 { source.fault("auth.jwt.secret", "must have at least 32 bytes") }
        if algorithm != "HS256", jwks == nil { source.fault("auth.jwt.jwksFile", "is required with \(algorithm), as \"file:/path\"") }
        jwt = JWT(
            algorithm: algorithm, secret: secret.map { Secret($0) }, jwks: jwks, issuer: source.string("auth.jwt.issuer"),
            audience: source.string("auth.jwt.audience"), organizationClaim: source.string("auth.jwt.organizationClaim") ?? "org",
            rolesClaim: source.string("auth.jwt.rolesClaim") ?? "roles")
    }

    private mutating func readDispatch(_ source: inout ConfigurationSource) {
        dispatch.batch = source.int("dispatch.batch", in: 1...5000) ?? dispatch.batch
        dispatch.concurrency = source.int("dispatch.concurrency", in: 1...4096) ?? dispatch.concurrency
        dispatch.lease = source.duration("dispatch.lease") ?? dispatch.lease
        if dispatch.lease < .seconds(3) { source.fault("dispatch.lease", "must be at least 3s") }
        dispatch.grace = source.duration("shutdown.grace") ?? dispatch.grace
    }

    private static func retry(_ key: String, over base: RetryPolicy, _ source: inout ConfigurationSource) -> RetryPolicy {
        var retry = base
        retry.maxAttempts = source.int("\(key).maxAttempts", in: 1...1000) ?? retry.maxAttempts
        retry.initial = source.duration("\(key).initial") ?? retry.initial
        retry.multiplier = source.double("\(key).multiplier", in: 1...100) ?? retry.multiplier
        retry.cap = source.duration("\(key).cap") ?? retry.cap
        retry.jitter = source.double("\(key).jitter", in: 0...1) ?? retry.jitter
        retry.deadline = source.duration("\(key).deadline") ?? retry.deadline
        return retry
    }

    private mutating func readChannels(_ source: inout ConfigurationSource, retry: RetryPolicy, installed: [AdapterDescriptor]) {
        let poisonClaims = source.int("dispatch.poisonClaims", in: 1...1000) ?? 10
        for descriptor in installed {
            let key = "channels.\(descriptor.channel)"
            guard source.has(section: key) else { continue }
            var policy = ChannelPolicy(descriptor, retry: retry, poisonClaims: poisonClaims)
            policy.retry = Self.retry("\(key).retry", over: policy.retry, &source)
            policy.retry.deadline = source.duration("\(key).deadline") ?? policy.retry.deadline
            policy.quietTime = source.duration("\(key).quietTime") ?? policy.quietTime
            policy.concurrency = source.int("\(key).concurrency", in: 1...4096) ?? policy.concurrency
            policy.perEndpoint = source.int("\(key).perEndpoint", in: 1...4096) ?? policy.perEndpoint
            policy.rate = source.double("\(key).rate", in: 0.001...1_000_000) ?? policy.rate
            if let lostAnswer = source.choice("\(key).lostAnswer", of: LostAnswerPolicy.allCases.map(\.rawValue)) {
                policy.lostAnswer = LostAnswerPolicy(rawValue: lostAnswer) ?? policy.lostAnswer
            }
            var given: [String: JSONValue] = [:]
            for spec in descriptor.settings {
                if case .strings = spec.kind {
                    given[spec.key] = source.strings("\(key).\(spec.key)").map { .array($0.map(JSONValue.string)) }
                } else {
                    given[spec.key] = source.string("\(key).\(spec.key)").map(JSONValue.string)
                }
            }
            // Where tenants name the targets, the guard stands before the inside network.
            let network: NetworkPolicy = descriptor.addressKind == .url ? .guarded(allow: networkAllow) : .trusted
            do {
                let settings = try AdapterSettings(.object(given), specs: descriptor.settings, network: network)
                channels[descriptor.channel] = ChannelSection(settings: settings, policy: policy)
            } catch { source.add(error, below: key) }
        }
        if channels.isEmpty, source.faults.isEmpty {
            let names = installed.map(\.channel.rawValue).joined(separator: ", ")
            source.fault("channels", "must configure at least one of \(names)")
        }
    }

    private mutating func readQuotes(_ source: inout ConfigurationSource) {
        quotes.publicBaseURL = source.string("quotes.publicBaseURL") ?? http.publicBaseURL ?? quotes.publicBaseURL
        quotes.apiBaseURL = source.string("quotes.apiBaseURL") ?? http.publicBaseURL ?? quotes.apiBaseURL
        quotes.isLegacyEnabled = source.bool("quotes.legacy.enabled") ?? quotes.isLegacyEnabled
        quotes.locale = source.string("quotes.locale") ?? quotes.locale
        quotes.tokenLifetime = source.duration("quotes.tokenLifetime") ?? quotes.tokenLifetime
        for (key, url) in [("quotes.publicBaseURL", quotes.publicBaseURL), ("quotes.apiBaseURL", quotes.apiBaseURL)] where WebURL(url) == nil {
            source.fault(key, "must be an http or https URL")
        }
    }
}
