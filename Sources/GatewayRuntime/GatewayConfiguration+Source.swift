public import AdapterKit
import GatewayAPI
import GatewayCore
import PostgresStore
import QuoteBridge
import RedisCoordination
import Signing
import WorkflowEngine

extension GatewayConfiguration {
    /// Reads a configuration; throws every fault at once, each with its key and line.
    ///
    /// - Parameter installed: the channels that may be configured; their field specs say what may stand in their sections.
    public init(_ source: consuming ConfigurationSource, installed: [any ChannelAdapter.Type]) throws(Faults) {
        var source = source
        let store = Self.store(&source)
        let keyring = source.string("secrets.keyring")
        if let keyring {
            do { _ = try Keyring(parsing: keyring) } catch { source.fault("secrets.keyring", "is not a keyring: \(error)") }
        } else {
            source.fault("secrets.keyring", "is required: a file of lines `id base64(32 bytes)`, such as \"file:/etc/gatewayd/keyring\"")
        }
        self.init(store: store ?? .embedded(path: ""), keyring: Secret(keyring ?? ""))
        if let mode = source.choice("store.migrate", of: ["apply", "verify"]) { appliesMigrations = mode == "apply" }

        if let url = source.string("redis.url") {
            do { redis = try RedisConfiguration(url: url) } catch { source.fault("redis.url", error.description) }
        }

        readHTTP(&source)
        readJWT(&source)
        for text in source.strings("network.allow") ?? [] {
            if let block = AddressBlock(text) {
                networkAllow.append(block)
            } else {
                source.fault("network.allow", "must hold blocks such as 10.0.0.0/8")
            }
        }
        let retry = Self.retry("retry", over: RetryPolicy(), &source)
        readDispatch(&source)
        readChannels(&source, retry: retry, installed: installed)
        readQuotes(&source)
        spool = SpoolSection(&source)
        limits.publicUnknownTokensPerMinute =
            source.int("limits.publicUnknownTokensPerMinute", in: 1...1_000_000) ?? limits.publicUnknownTokensPerMinute
        limits.publicCallsPerTokenPerMinute =
            source.int("limits.publicCallsPerTokenPerMinute", in: 1...1_000_000) ?? limits.publicCallsPerTokenPerMinute
        limits.requestsPerSecond = source.int("limits.requestsPerSecond", in: 0...1_000_000) ?? limits.requestsPerSecond
        retention.settled = source.duration("retention.settled") ?? retention.settled
        retention.events = source.duration("retention.events") ?? retention.events
        drain = source.duration("shutdown.drain") ?? drain
        source.add(Faults(APIConfiguration(self).faults))
        try source.finish()
    }

    private static func store(_ source: inout ConfigurationSource) -> StoreLocation? {
        let pooler = source.choice("store.pooler", of: PostgresLocation.Pooler.allCases.map(\.rawValue))
        guard let url = source.string("store.url") else {
            source.fault("store.url", "is required, such as \"sqlite:/var/lib/gatewayd/gatewayd.db\"")
            return nil
        }
        do { return try StoreLocation(url: url, pooler: pooler.flatMap(PostgresLocation.Pooler.init)) } catch {
            source.fault(error.path, error.message)
            return nil
        }
    }

    private mutating func readHTTP(_ source: inout ConfigurationSource) {
        http.host = source.string("http.host") ?? http.host
        http.port = source.int("http.port", in: 0...65_535) ?? http.port
        http.publicBaseURL = source.string("http.publicBaseURL")
        if let url = http.publicBaseURL, WebURL(url) == nil { source.fault("http.publicBaseURL", "must be an http or https URL") }
        http.trustedProxies = source.strings("http.trustedProxies") ?? []
        http.allowedOrigins = source.strings("http.allowedOrigins") ?? []
    }

    private mutating func readJWT(_ source: inout ConfigurationSource) {
        let algorithm = source.choice("auth.jwt.algorithm", of: ["HS256"] + Self.keySetAlgorithms)
        let before = source.faults.count
        let secret = source.string("auth.jwt.secret")
        let keySet = source.text(ofFile: "auth.jwt.jwksFile")
        let issuer = source.string("auth.jwt.issuer")
        let audience = source.string("auth.jwt.audience")
        let organizationClaim = source.string("auth.jwt.organizationClaim")
        let rolesClaim = source.string("auth.jwt.rolesClaim")
        guard source.has(section: "auth.jwt") else { return }
        let keys: JWTConfiguration.Keys
        switch (algorithm, secret, keySet) {
        case (nil, .some, .some): return source.fault("auth.jwt", "has both a secret and a jwksFile; algorithm says which counts")
        case ("HS256", let secret?, _), (nil, let secret?, nil): keys = .hs256(Secret(secret))
        case (_, _, let keySet?) where algorithm != "HS256":
            keys = .keySet(json: keySet, algorithms: Set(algorithm.map { [$0] } ?? Self.keySetAlgorithms))
        default:
            // One that was given and could not be read is told already.
            if source.faults.count > before { return }
            let key = algorithm == nil || algorithm == "HS256" ? "secret" : "jwksFile"
            return source.fault("auth.jwt.\(key)", "is required" + (algorithm.map { " with \($0)" } ?? ", or a jwksFile"))
        }
        jwt = JWTConfiguration(
            keys: keys, issuer: issuer, audience: audience, organizationClaim: organizationClaim ?? "org", rolesClaim: rolesClaim ?? "roles"
        )
    }

    private static let keySetAlgorithms = ["RS256", "ES256", "EdDSA"]

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

    private mutating func readChannels(_ source: inout ConfigurationSource, retry: RetryPolicy, installed: [any ChannelAdapter.Type]) {
        let poisonClaims = source.int("dispatch.poisonClaims", in: 1...1000) ?? 10
        for adapter in installed {
            let descriptor = adapter.descriptor
            let key = "channels.\(descriptor.channel)"
            guard source.has(section: key) else { continue }
            var policy = ChannelPolicy(descriptor, retry: retry, poisonClaims: poisonClaims)
            policy.retry = Self.retry("\(key).retry", over: policy.retry, &source)
            policy.retry.deadline = source.duration("\(key).deadline") ?? policy.retry.deadline
            policy.quietTime = source.duration("\(key).quietTime") ?? policy.quietTime
            policy.concurrency = source.int("\(key).concurrency", in: 1...4096) ?? policy.concurrency
            policy.perEndpoint = source.int("\(key).perEndpoint", in: 1...4096) ?? policy.perEndpoint
            policy.attemptTimeout = source.duration("\(key).attemptTimeout") ?? policy.attemptTimeout
            policy.rate = source.double("\(key).rate", in: 0.001...1_000_000) ?? policy.rate
            if let lostAnswer = source.choice("\(key).lostAnswer", of: LostAnswerPolicy.allCases.map(\.rawValue)) {
                policy.lostAnswer = LostAnswerPolicy(rawValue: lostAnswer) ?? policy.lostAnswer
            }
            var given: [String: JSONValue] = [:]
            for spec in descriptor.settings {
                switch spec.kind {
                case .strings: given[spec.key] = source.strings("\(key).\(spec.key)").map { .array($0.map(JSONValue.string)) }
                case .objects: given[spec.key] = source.objects("\(key).\(spec.key)").map(JSONValue.array)
                default: given[spec.key] = source.string("\(key).\(spec.key)").map(JSONValue.string)
                }
            }
            // Where tenants name the targets, the guard stands before the inside network.
            let network: NetworkPolicy = descriptor.addressKind == .url ? .guarded(allow: networkAllow) : .trusted
            do {
                let settings = try AdapterSettings(.object(given), specs: descriptor.settings, network: network)
                try ValidatingEnvironment.check(settings, of: adapter)
                channels[descriptor.channel] = ChannelSection(settings: settings, policy: policy)
            } catch { source.add(error, below: key) }
        }
        let names = installed.map { $0.descriptor.channel.rawValue }
        if names.allSatisfy({ !source.has(section: "channels.\($0)") }) {
            source.fault("channels", "must configure at least one of \(names.joined(separator: ", "))")
        }
    }

    private mutating func readQuotes(_ source: inout ConfigurationSource) {
        let (publicBaseURL, apiBaseURL) = (source.string("quotes.publicBaseURL"), source.string("quotes.apiBaseURL"))
        quotes.publicBaseURL = publicBaseURL ?? http.publicBaseURL ?? quotes.publicBaseURL
        quotes.apiBaseURL = apiBaseURL ?? http.publicBaseURL ?? quotes.apiBaseURL
        quotes.isLegacyEnabled = source.bool("quotes.legacy.enabled") ?? quotes.isLegacyEnabled
        quotes.locale = source.string("quotes.locale") ?? quotes.locale
        quotes.tokenLifetime = source.duration("quotes.tokenLifetime") ?? quotes.tokenLifetime
        // What http.publicBaseURL stands in for is told there.
        for (key, url) in [("quotes.publicBaseURL", publicBaseURL), ("quotes.apiBaseURL", apiBaseURL)] {
            if let url, WebURL(url) == nil { source.fault(key, "must be an http or https URL") }
        }
        if !Language.isTag(quotes.locale) { source.fault("quotes.locale", "must be a language and perhaps a region, such as nl-NL") }
    }
}
