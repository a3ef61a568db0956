import AdapterKit
import Testing

@Suite struct AdapterSettingsTests {
    private static let specs = [
        FieldSpec("host", .string, required: true, doc: "The server."),
        FieldSpec("port", .integer(1...65_535), default: 587, doc: "Its port."),
        FieldSpec("password", .string, secret: true, doc: "The password."),
        FieldSpec("tls", .boolean, default: true, doc: "Whether it is encrypted."),
        FieldSpec("timeout", .duration, default: "15s", doc: "How long to wait."),
        FieldSpec("base", .url(schemes: ["https"]), doc: "Where it is."),
        FieldSpec("mode", .choice(["fast", "slow"]), doc: "How."), FieldSpec("tags", .strings, doc: "Words."),
        FieldSpec(
            "accounts",
            .objects([FieldSpec("name", .string, required: true, doc: "Who."), FieldSpec("key", .string, secret: true, doc: "The key.")]),
            doc: "Who."),
    ]

    @Test func everythingGiven() throws {
        let settings = try AdapterSettings(
            [
                "host": "h", "port": 25, "password": "p", "tls": false, "timeout": "250ms", "base": "https://a.b", "mode": "slow",
                "tags": ["a", 1],
                "accounts": [["name": "x", "key": "k"]],
            ], specs: Self.specs, network: .guarded(allow: []))
        #expect(settings.string("host") == "h")
        #expect(settings.integer("port") == 25)
        #expect(settings.secret("password")?.reveal() == "p")
        #expect(settings.string("password") == nil)
        #expect(settings.boolean("tls") == false)
        #expect(settings.duration("timeout") == .milliseconds(250))
        #expect(settings.string("base") == "https://a.b")
        #expect(settings.string("mode") == "slow")
        #expect(settings.strings("tags") == ["a", "1"])
        #expect(settings.objects("accounts").map { $0.string("name") } == ["x"])
        #expect(settings.objects("accounts").first?.secret("key")?.reveal() == "k")
        #expect(settings.network.isGuarded)
        #expect(settings.objects("accounts").first?.network.isGuarded == true)
    }

    @Test func defaultsAndTextForms() throws {
        let settings = try AdapterSettings(["host": "h", "port": nil, "tls": "false", "tags": " a, b ,,c "], specs: Self.specs)
        #expect(settings.integer("port") == 587)
        #expect(settings.boolean("tls") == false)
        #expect(settings.duration("timeout") == .seconds(15))
        #expect(settings.strings("tags") == ["a", "b", "c"])
        #expect(settings["mode"] == nil)
        #expect(try AdapterSettings(["host": 7, "port": "25"], specs: Self.specs).integer("port") == 25)
    }

    @Test func everyFaultIsListed() {
        let json: JSONValue = [
            "port": 0, "tls": "yes", "timeout": "soon", "base": "http://a.b", "mode": "medium", "tags": [true],
            "accounts": [["name": "", "kay": "k"], 7],
            "hosts": "h",
        ]
        let faults = #expect(throws: Faults.self) { try AdapterSettings(json, specs: Self.specs, path: "channels.email") }
        #expect(
            faults?.list == [
                Fault("channels.email.host", "is required: The server."), Fault("channels.email.port", "must be between 1 and 65535"),
                Fault("channels.email.tls", "must be true or false"),
                Fault("channels.email.timeout", "must be a duration such as 250ms, 15s, 10m, 24h or 90d"),
                Fault("channels.email.base", "must be a URL with scheme https"), Fault("channels.email.mode", "must be one of fast, slow"),
                Fault("channels.email.tags", "must be a list of strings"), Fault("channels.email.accounts[0].name", "must not be empty"),
                Fault("channels.email.accounts[0].kay", "is unknown; did you mean key?"),
                Fault("channels.email.accounts[1]", "must be an object"),
                Fault("channels.email.hosts", "is unknown; did you mean host?"),
            ])
    }

    @Test func secretsNeverShow() throws {
        let settings = try AdapterSettings(
            ["host": "h", "password": "hunter2", "accounts": [["name": "x", "key": "hunter2"]]], specs: Self.specs)
        let secret = Secret("hunter2")
        var dumped = ""
        dump(settings, to: &dumped)
        dump(secret, to: &dumped)
        for text in [
            "\(settings)", String(reflecting: settings), dumped, "\(secret)", String(reflecting: secret), "\(Optional(secret) as Any)",
            "\([secret])",
        ] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret.reveal() == "hunter2" && !secret.isEmpty && Secret("").isEmpty)
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("0s", .zero), ("15s", .seconds(15)), ("10m", .seconds(600)), ("24h", .seconds(86_400)),
        ("90d", .seconds(7_776_000)), ("1000000000d", .seconds(86_400_000_000_000)),
    ])
    func durations(text: String, expected: Duration) { #expect(Duration(configuration: text) == expected) }

    @Test(arguments: [
        "", "15", "s", "-1s", "+1s", "1.5s", "1 s", "15S", "1w", "15s ", "1000000001s", "99999999999999999999s", "５s", "1h30m",
    ])
    func noDurations(text: String) { #expect(Duration(configuration: text) == nil) }
}
