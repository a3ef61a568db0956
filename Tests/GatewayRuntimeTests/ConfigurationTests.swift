import AdapterKit
import EmailAdapter
import GatewayAPI
import GatewayCore
import GatewayRuntime
import QuoteBridge
import Testing
import WebhookAdapter
import WhatsAppAdapter

/// A configuration is read whole, or every fault of it is told with its place.
@Suite struct ConfigurationTests {
    private static let key = Base64.encode([UInt8](repeating: 7, count: 32))
    private static let good = """
        http:
          port: 9000
        store: { url: "sqlite:/tmp/x.db" }
        secrets: { keyring: "k1 \(key)" }
        channels:
          email:
            host: smtp.example
            from: "Example <hello@example.nl>"
            password: "env:SMTP_PASSWORD"
            username: u
        """

    private func read(_ yaml: String, _ environment: [String: String] = [:], files: [String: String] = [:]) throws(Faults)
        -> GatewayConfiguration
    {
        try GatewayConfiguration(
            try ConfigurationSource(
                yaml: yaml, environment: ["SMTP_PASSWORD": "p"].merging(environment) { $1 }, readFile: { files[$0] }),
            installed: [EmailAdapter.self, WhatsAppAdapter.self, WebhookAdapter.self])
    }

    private func faults(_ yaml: String, _ environment: [String: String] = [:], files: [String: String] = [:]) -> [String] {
        do {
            _ = try read(yaml, environment, files: files)
            return []
        } catch { return error.list.map { "\($0.path): \($0.message)" } }
    }

    @Test func aGoodConfigurationIsReadWithItsDefaults() throws {
        let configuration = try read(Self.good)
        #expect(configuration.http.port == 9000 && configuration.http.host == "127.0.0.1" && configuration.store.path == "/tmp/x.db")
        #expect(configuration.limits.publicUnknownTokensPerMinute == 30 && configuration.limits.requestsPerSecond == 0)
        let email = try #require(configuration.channels[.email])
        #expect(
            email.settings.secret("password")?.reveal() == "p" && email.policy.retry.maxAttempts == 5
                && email.policy.quietTime == .seconds(600))
        #expect(configuration.channels.count == 1 && configuration.jwt == nil && configuration.appliesMigrations)
    }

    @Test func aStoreWhosePathLeavesNoRoomForItsSocketIsRefused() throws {
        func yaml(_ length: Int) -> String {
            Self.good.replacing("/tmp/x.db", with: "/" + String(repeating: "a", count: length - 1))
        }
        #expect(try read(yaml(98)).store.description.utf8.count == 98)
        #expect(
            faults(yaml(99)) == [
                "store.url (line 3): has a path of 99 bytes; the socket beside the file allows for 98. Choose a shorter one"
            ])
    }

    @Test func redisIsOptionalAndItsAddressIsNeverShown() throws {
        #expect(try read(Self.good).redis == nil)
        #expect(try read(Self.good + "\nredis: { url: \"redis://:hidden@127.0.0.1:6379/0\" }").redis != nil)
        #expect(try read(Self.good, ["GATEWAYD_REDIS_URL": "unix:/run/redis.sock"]).redis != nil)
        let tls = faults(Self.good + "\nredis: { url: \"rediss://:hidden@host\" }")
        #expect(tls == ["redis.url (line 11): cannot be reached with TLS from here: use a TLS proxy on this machine, or a unix socket"])
        let wrong = faults(Self.good + "\nredis: { url: \"redis://:hidden@host:x\" }")
        #expect(wrong.count == 1 && wrong[0].contains("must be redis://") && !wrong[0].contains("hidden"))
    }

    @Test func anEmptySectionIsKnownByItsNameAlone() {
        #expect(
            faults("http: { port: 1 }\nlimits: {}\nnetwork:\nretri: {}").filter { $0.contains("(line ") } == ["retri (line 4): is unknown"])
    }

    @Test func everyFaultIsToldAtOnceWithItsKeyAndLine() {
        let yaml = """
            http: { port: 70000, hosst: x, trustedProxies: [10.0.0.0/8, nowhere], allowedOrigins: ["https://portal.example/", "*"] }
            store: { url: "mysql:x", migrate: never }
            htpp: { port: 1 }
            network: { allow: [10.0.0.0/99] }
            channels:
              email:
                host: smtp.example
                security: none
                password: "env:NOT_SET"
                username: u
                retry: { maxAttempts: 0, initial: 5 }
              webhook: { secret: "short", timeout: 15 }
            quotes: { publicBaseURL: "ftp://x", legacy: { enabled: perhaps } }
            limits: { requestsPerSecond: -1 }
            auth: { jwt: { algorithm: HS256, secret: "short" } }
            """
        let found = faults(yaml)
        for expected in [
            "http.port (line 1): must be a whole number between 0 and 65535", "http.hosst (line 1): is unknown; did you mean http.host?",
            "http.trustedProxies[1] (line 1): must be an IP address or a CIDR block",
            "http.allowedOrigins[0] (line 1): must be an origin such as https://portal.example, or *",
            "store.migrate (line 2): must be one of apply, verify", "htpp.port (line 3): is unknown; did you mean http.port?",
            "network.allow (line 4): must hold blocks such as 10.0.0.0/8",
            "channels.email.from (line 6): is required: The sender of every mail, such as Example <hello@example.nl>.",
            "channels.email.password (line 9): names the environment variable NOT_SET, which is not set",
            "channels.email.retry.maxAttempts (line 11): must be a whole number between 1 and 1000",
            "channels.email.retry.initial (line 11): must be a duration such as 250ms, 15s, 10m, 24h or 90d",
            "channels.webhook.timeout (line 12): must be a duration such as 250ms, 15s, 10m, 24h or 90d",
            "quotes.publicBaseURL (line 13): must be an http or https URL", "quotes.legacy.enabled (line 13): must be true or false",
            "limits.requestsPerSecond (line 14): must be a whole number between 0 and 1000000",
            "auth.jwt.secret (line 15): must have at least 32 bytes",
        ] { #expect(found.contains(expected), "\(expected)") }
        #expect(found.contains { $0.hasPrefix("store.url (line 2): must ") })
        #expect(found.contains { $0.hasPrefix("secrets.keyring: is required") }, "what stands nowhere has no line")
        #expect(!found.contains { $0.contains("short") }, "no value is shown")
    }

    @Test func whatAnAdapterFindsInItsSettingsIsAmongTheFaults() {
        let yaml = Self.good.replacing("from: \"Example <hello@example.nl>\"", with: "from: nobody\n    security: none")
        let found = faults(yaml + "\n  whatsapp: { phoneNumberID: \"12a\", accessToken: t }\n  webhook: { secret: whsec_AA== }")
        #expect(
            found.map { $0.prefix { $0 != " " } } == [
                "channels.email.from", "channels.email.security", "channels.whatsapp.phoneNumberID", "channels.webhook.secret",
            ])
    }

    @Test func theEnvironmentGoesBeforeTheFile() throws {
        let configuration = try read(
            Self.good,
            [
                "GATEWAYD_HTTP_PORT": "9001", "GATEWAYD_HTTP_PUBLIC_BASE_URL": "https://g.example",
                "GATEWAYD_HTTP_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
                "GATEWAYD_CHANNELS_EMAIL_PASSWORD": "file:/run/secret", "GATEWAYD_CHANNELS_WHATSAPP_PHONE_NUMBER_ID": "1",
                "GATEWAYD_CHANNELS_WHATSAPP_ACCESS_TOKEN": "t", "GATEWAYD_URL": "not ours",
            ], files: ["/run/secret": "from a file\n\n"])
        #expect(configuration.http.port == 9001 && configuration.http.publicBaseURL == "https://g.example")
        #expect(configuration.http.trustedProxies == ["10.0.0.0/8", "::1"] && configuration.quotes.publicBaseURL == "https://g.example")
        #expect(configuration.channels[.email]?.settings.secret("password")?.reveal() == "from a file")
        #expect(configuration.channels[.whatsapp] != nil, "a channel may come from the environment alone")
        #expect(
            faults(Self.good, ["GATEWAYD_HTTP_PORT": "x"]) == ["http.port (GATEWAYD_HTTP_PORT): must be a whole number between 0 and 65535"]
        )
    }

    @Test func valuesOfAnotherKindAreNotPassedOver() {
        #expect(faults(Self.good.replacing("port: 9000", with: "port: [9000]")) == ["http.port (line 2): must be one value, not a list"])
        #expect(
            faults(Self.good.replacing("port: 9000", with: "trustedProxies: [[a]]")) == [
                "http.trustedProxies (line 2): must be a list of single values"
            ])
        #expect(
            faults(Self.good.replacing("http:\n  port: 9000", with: "http: 9000")) == [
                "http (line 1): must be a section with keys of its own"
            ])
        #expect(faults(Self.good.replacing("port: 9000", with: "port:\n  host: ~")).isEmpty, "a key without a value says nothing")
        #expect(faults(Self.good.replacing("port: 9000", with: "trustedProxies: 10.0.0.1")).isEmpty, "one of a list stands for itself")
    }

    @Test(arguments: [
        ("a: [", "configuration"), ("- a", "configuration"), ("a: 1\na: 2", "configuration"), ("\t", "configuration"),
    ])
    func whatIsNoConfigurationIsToldAsThat(yaml: String, path: String) {
        let found = faults(yaml)
        #expect(found.count == 1 && found[0].hasPrefix(path))
        if yaml.hasPrefix("a: 1") { #expect(found[0].contains("a stands twice")) }
    }

    @Test func nothingIsToldTwice() {
        #expect(
            faults(Self.good.replacing("port: 9000", with: "publicBaseURL: \"ftp://x\"")) == [
                "http.publicBaseURL (line 2): must be an http or https URL"
            ])
        #expect(
            faults(Self.good.replacing("k1 \(Self.key)", with: "file:/nowhere")) == [
                "secrets.keyring (line 4): names the file /nowhere, which cannot be read"
            ])
        #expect(
            faults(Self.good + "\n  whatsapp: { phoneNumberID: \"1\", accessToken: \"env:NOT_SET\" }") == [
                "channels.whatsapp.accessToken (line 11): names the environment variable NOT_SET, which is not set"
            ])
        #expect(
            faults(Self.good + "\nnetwork: { allow: [a, b] }") == ["network.allow (line 11): must hold blocks such as 10.0.0.0/8"])
        #expect(
            faults(Self.good + "\nquotes: { locale: dutch }") == [
                "quotes.locale (line 11): must be a language and perhaps a region, such as nl-NL"
            ])
    }

    @Test func anEmptyFileLacksWhatIsRequired() {
        #expect(faults("").map { $0.prefix { $0 != ":" } } == ["store.url", "secrets.keyring", "channels"])
    }

    @Test func signedTokensAreConfiguredByASecretOrASetOfKeys() throws {
        func jwt(_ section: String, files: [String: String] = [:]) throws -> JWTConfiguration? {
            try read(Self.good + "\nauth: { jwt: { \(section) } }", files: files).jwt
        }
        let secret = String(repeating: "s", count: 32)
        let set = #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
        let files = ["/etc/jwks.json": set, "/etc/none.json": "{}"]
        guard case .hs256? = try jwt("algorithm: HS256, secret: \(secret), issuer: i, organizationClaim: tenant")?.keys else {
            return #expect(Bool(false))
        }
        #expect(try jwt("secret: \(secret), rolesClaim: scp")?.rolesClaim == "scp", "the algorithm goes without saying")
        for path in ["/etc/jwks.json", "file:/etc/jwks.json"] {
            guard case .keySet(_, ["RS256", "ES256", "EdDSA"])? = try jwt("jwksFile: \"\(path)\"", files: files)?.keys else {
                return #expect(Bool(false))
            }
        }
        guard case .keySet(_, ["EdDSA"])? = try jwt("algorithm: EdDSA, jwksFile: /etc/jwks.json", files: files)?.keys else {
            return #expect(Bool(false))
        }
        for (section, expected) in [
            ("issuer: i", ["auth.jwt.secret"]), ("algorithm: none, secret: \(secret)", ["auth.jwt.algorithm"]),
            ("algorithm: HS256", ["auth.jwt.secret"]),
            ("algorithm: ES256, secret: \(secret)", ["auth.jwt.jwksFile"]), ("jwksFile: /etc/lost.json", ["auth.jwt.jwksFile"]),
            ("jwksFile: /etc/none.json", ["auth.jwt.jwksFile"]), ("secret: \(secret), jwksFile: /etc/jwks.json", ["auth.jwt"]),
        ] {
            let found = faults(Self.good + "\nauth: { jwt: { \(section) } }", files: files)
            #expect(found.map { String($0.prefix { $0 != " " }) } == expected, "\(section): \(found)")
        }
    }
}

extension StoreLocation {
    fileprivate var path: String? { if case .embedded(let path) = self { path } else { nil } }
}
