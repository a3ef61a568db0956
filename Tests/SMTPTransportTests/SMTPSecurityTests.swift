import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

@testable import SMTPTransport

/// Whom the client talks to, and what it never says in clear.
@Suite(.timeLimit(.minutes(2))) struct SMTPSecurityTests {
    private static let credentials = MailServer.Credentials(username: "user", password: Secret("pass"))

    // MARK: - The guard

    @Test(arguments: [
        "127.0.0.1", "::1", "[::1]", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "0.0.0.0", "::", "[::]",
        "::ffff:127.0.0.1", "[::ffff:127.0.0.1]",
    ])
    func noSpellingOfLoopbackPassesTheGuard(host: String) async throws {
        try await MailBench.with(host: host) { bench in
            try await bench.under(.guarded(allow: [])).fails(mail(), as: "forbiddenAddress at connect")
            #expect(bench.server.log.connections == 0)
        }
    }

    /// Shows that the spellings above do lead to this server when nothing forbids them, so that the guard is what stopped them.
    @Test(arguments: [
        "127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]",
    ])
    func everySpellingReachesATrustedServer(host: String) async throws {
        try await MailBench.with(host: host) { bench in try await bench.accepts(mail()) }
    }

    @Test(arguments: ["127.0.0.1", "localhost", "::ffff:127.0.0.1"]) func whatTheOperatorAllowsPasses(host: String) async throws {
        let block = try #require(AddressBlock("127.0.0.0/8"))
        try await MailBench.with(host: host) { bench in try await bench.under(.guarded(allow: [block])).accepts(mail()) }
    }

    @Test func policiesNeverShareAConnection() async throws {
        let block = try #require(AddressBlock("127.0.0.0/8"))
        try await MailBench.with { bench in
            try await bench.accepts(mail())
            // A connection to this very address rests in the pool, and is not for these.
            try await bench.under(.guarded(allow: [])).fails(mail(), as: "forbiddenAddress at connect")
            try await bench.under(.guarded(allow: [block])).accepts(mail())
            #expect(bench.server.log.connections == 2)
        }
    }

    // MARK: - TLS

    @Test(arguments: [MailServer.Security.starttls, .tls], [("DNS:localhost", "localhost"), ("IP:127.0.0.1", "127.0.0.1")])
    func thePasswordGoesOverTLSOnly(security: MailServer.Security, names: (String, String)) async throws {
        try await TestAuthority.with(names: names.0) { authority in
            var script = ScriptedServer.Script()
            script.tls = try await authority.certificate.context()
            script.implicitTLS = security == .tls
            script.capabilities = ["PIPELINING", "STARTTLS", "AUTH PLAIN"]
            try await MailBench.with(script, host: names.1, security: security, caFile: authority.file, credentials: Self.credentials) {
                bench in
                let data = [UInt8](repeating: 0x61, count: 300_000)
                try await bench.accepts(mail(data))
                try await bench.accepts(mail())
                #expect(bench.server.log.connections == 1)
                #expect(bench.server.log.messages.first == data + [13, 10])
                #expect(bench.server.log.commands.contains("AUTH PLAIN AHVzZXIAcGFzcw=="))
                #expect(bench.server.log.commands.filter { $0.hasPrefix("EHLO") }.count == (security == .tls ? 1 : 2))
            }
        }
    }

    @Test func withoutTLSNoPasswordIsSentAndNoMailEither() async throws {
        var script = ScriptedServer.Script()
        script.capabilities = ["AUTH PLAIN LOGIN"]
        try await MailBench.with(script, credentials: Self.credentials) { bench in
            try await bench.fails(mail(), as: "authUnavailable at auth")
            #expect(bench.server.log.commands == ["EHLO client.test"])
        }
    }

    @Test(arguments: [[], ["AUTH GSSAPI"]]) func credentialsThatCannotBeUsedStopTheMail(capabilities: [String]) async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var script = ScriptedServer.Script()
            script.tls = try await authority.certificate.context()
            script.implicitTLS = true
            script.capabilities = capabilities
            try await MailBench.with(script, host: "localhost", security: .tls, caFile: authority.file, credentials: Self.credentials) {
                bench in
                try await bench.fails(mail(), as: "authUnavailable at auth")
                #expect(bench.server.log.commands == ["EHLO client.test"])
            }
        }
    }

    @Test(arguments: [("535 5.7.8 no", "refused 535 5.7.8 at auth"), ("454 4.7.0 later", "refused 454 4.7.0 at auth")])
    func aRefusedPasswordStopsTheMail(answer: String, summary: String) async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var script = ScriptedServer.Script()
            script.tls = try await authority.certificate.context()
            script.implicitTLS = true
            script.capabilities = ["AUTH PLAIN"]
            script.react = { command, _, _ in command.hasPrefix("AUTH") ? .say(answer) : nil }
            try await MailBench.with(script, host: "localhost", security: .tls, caFile: authority.file, credentials: Self.credentials) {
                bench in
                try await bench.fails(mail(), as: summary)
                #expect(!bench.server.log.commands.contains { $0.hasPrefix("MAIL") })
            }
        }
    }

    @Test func requiredSTARTTLSThatIsNotOfferedStopsTheMail() async throws {
        var script = ScriptedServer.Script()
        script.capabilities = ["AUTH PLAIN"]
        try await MailBench.with(script, host: "localhost", security: .starttls, credentials: Self.credentials) { bench in
            try await bench.fails(mail(), as: "startTLSUnavailable at startTLS")
            #expect(bench.server.log.commands == ["EHLO client.test"])
        }
    }

    @Test(arguments: [MailServer.Security.starttls, .tls]) func aCertificateForAnotherNameIsRefused(security: MailServer.Security)
        async throws
    {
        try await TestAuthority.with(names: "DNS:other.example,IP:127.0.0.2") { authority in
            var script = ScriptedServer.Script()
            script.tls = try await authority.certificate.context()
            script.implicitTLS = security == .tls
            script.capabilities = ["STARTTLS"]
            for host in ["localhost", "127.0.0.1"] {
                try await MailBench.with(script, host: host, security: security, caFile: authority.file) { bench in
                    try await bench.fails(mail(), as: "tls at tls")
                    #expect(!bench.server.log.commands.contains { $0.hasPrefix("MAIL") })
                }
            }
        }
    }

    @Test func anUnknownAuthorityIsRefused() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var script = ScriptedServer.Script()
            script.tls = try await authority.certificate.context()
            script.implicitTLS = true
            try await MailBench.with(script, host: "localhost", security: .tls) { bench in try await bench.fails(mail(), as: "tls at tls") }
        }
    }

    @Test func aMissingAuthorityFileStopsTheMail() async throws {
        try await MailBench.with(host: "localhost", security: .tls, caFile: "/nonexistent/ca.pem") { bench in
            try await bench.fails(mail(), as: "tls at tls")
            #expect(bench.server.log.connections == 0)
        }
    }

    @Test func wordsBehindTheReplyToSTARTTLSAreNotTakenForTheServersUnderTLS() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var script = ScriptedServer.Script()
            script.capabilities = ["STARTTLS"]
            script.react = { command, _, _ in command == "STARTTLS" ? .say("220 go\r\n250 injected") : nil }
            try await MailBench.with(script, host: "localhost", security: .starttls, caFile: authority.file) { bench in
                try await bench.fails(mail(), as: "protocolViolation at startTLS")
            }
        }
    }

    // MARK: - Injection

    @Test func theClientsNameCannotInject() async throws {
        try await MailBench.with { bench in
            var other = bench
            other.account.clientName = "me\r\nMAIL FROM:<>"
            try await other.fails(mail(), as: "invalidEnvelope at ehlo")
            #expect(bench.server.log.connections == 0)
        }
    }

    @Test(arguments: ["b@example.com>\r\nRCPT TO:<c@example.com", "b@example.com\nDATA", "b@example.com\0"])
    func anAddressCannotInject(address: String) async throws {
        try await MailBench.with { bench in
            try await bench.fails(mail(to: [address]), as: "invalidEnvelope at rcpt")
            var from = mail()
            from.sender = address
            try await bench.fails(from, as: "invalidEnvelope at mail")
            #expect(bench.server.log.connections == 0)
        }
    }
}
