import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

@testable import SMTPTransport

/// Every phase has a limit of its own, and the submission's deadline bounds them all.
@Suite(.timeLimit(.minutes(2))) struct SMTPTimeoutTests {
    static let short = Duration.milliseconds(100)

    @Test func theDefaultsAreThoseOfTheStandard() {
        // RFC 5321, section 4.5.3.2; connecting is not in it.
        let expected: [(MailPhase, Int)] = [
            (.connect, 30), (.tls, 30), (.greeting, 300), (.ehlo, 300), (.startTLS, 300), (.auth, 300), (.mail, 300), (.rcpt, 300),
            (.data, 120),
            (.body, 180), (.finalDot, 600),
        ]
        #expect(expected.map(\.0) == MailPhase.allCases)
        for (phase, seconds) in expected { #expect(SMTPConfiguration().limit(in: phase) == .seconds(seconds)) }
    }

    /// A step of the dialogue, and the limit that is its own.
    enum Step: String, CaseIterable {
        case ehlo = "EHLO"
        case mail = "MAIL"
        case rcpt = "RCPT"
        case data = "DATA"
        case finalDot = "."

        func shorten(_ configuration: inout SMTPConfiguration) {
            switch self {
            case .ehlo: configuration.ehlo = SMTPTimeoutTests.short
            case .mail: configuration.mail = SMTPTimeoutTests.short
            case .rcpt: configuration.rcpt = SMTPTimeoutTests.short
            case .data: configuration.data = SMTPTimeoutTests.short
            case .finalDot: configuration.finalDot = SMTPTimeoutTests.short
            }
        }
    }

    @Test(arguments: Step.allCases) func aServerThatFallsSilent(at step: Step) async throws {
        for capabilities in [["PIPELINING"], []] {
            var script = ScriptedServer.Script()
            script.capabilities = capabilities
            script.react = { said, _, _ in said.hasPrefix(step.rawValue) ? .silence : nil }
            var configuration = SMTPConfiguration()
            step.shorten(&configuration)
            try await MailBench.with(script, configuration) { bench in try await bench.fails(mail(), as: "timeout at \(step)") }
        }
    }

    @Test func aServerThatNeverGreets() async throws {
        var script = ScriptedServer.Script()
        script.greeting = .silence
        var configuration = SMTPConfiguration()
        configuration.greeting = Self.short
        try await MailBench.with(script, configuration) { bench in try await bench.fails(mail(), as: "timeout at greeting") }
    }

    @Test func aServerThatStopsReadingTheMessage() async throws {
        var script = ScriptedServer.Script()
        // Without SIZE, so that nothing stops the message beforehand.
        script.capabilities = []
        script.react = { command, _, _ in command == "DATA" ? .sayThenStopReading("354 go") : nil }
        var configuration = SMTPConfiguration()
        configuration.block = Self.short
        try await MailBench.with(script, configuration) { bench in
            try await bench.fails(mail([UInt8](repeating: 0x78, count: 8 << 20)), as: "timeout at body")
        }
    }

    @Test func anAddressThatDoesNotAnswer() async throws {
        let listener = try DeafListener(.dropped)
        var configuration = SMTPConfiguration()
        configuration.connect = Self.short
        try await MailBench.with(.init(), configuration) { bench in
            var other = bench
            other.account.port = listener.port
            try await other.fails(mail(), as: "timeout at connect")
        }
    }

    @Test(arguments: [MailServer.Security.starttls, .tls]) func aHandshakeThatStalls(security: MailServer.Security) async throws {
        var script = ScriptedServer.Script()
        script.capabilities = ["STARTTLS"]
        // Says that it goes on with TLS and does not.
        script.react = { command, _, _ in
            command == "STARTTLS" ? .say("220 go") : command.hasPrefix("EHLO") ? nil : .silence
        }
        script.greeting = security == .tls ? .silence : .say("220 scripted")
        var configuration = SMTPConfiguration()
        configuration.tls = Self.short
        try await MailBench.with(script, configuration, security: security) { bench in try await bench.fails(mail(), as: "timeout at tls") }
    }

    @Test func aServerThatFallsSilentInTheOpeningUnderTLS() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var script = ScriptedServer.Script()
            script.tls = try await authority.certificate.context()
            script.capabilities = ["STARTTLS", "AUTH PLAIN"]
            for (command, summary) in [("STARTTLS", "timeout at startTLS"), ("AUTH", "timeout at auth")] {
                script.react = { said, _, _ in said.hasPrefix(command) ? .silence : nil }
                let script = script
                try await Self.withGrowingLimit(until: summary) { limit in
                    var configuration = SMTPConfiguration()
                    configuration.ehlo = limit
                    var result: MailResult?
                    try await MailBench.with(
                        script, configuration, host: "localhost", security: .starttls, caFile: authority.file,
                        credentials: .init(username: "u", password: Secret("p"))
                    ) { bench in result = try await bench.send(mail()) }
                    return result
                }
            }
        }
    }

    @Test func theDeadlineBoundsThemAll() async throws {
        var script = ScriptedServer.Script()
        script.greeting = .silence
        try await MailBench.with(script) { bench in
            try await Self.withGrowingLimit(until: "timeout at greeting") { try await bench.send(mail(within: $0)) }
            try await bench.fails(mail(within: .seconds(-1)), as: "timeout at connect")
        }
        script.greeting = .say("220 scripted")
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await MailBench.with(script) { bench in
            try await Self.withGrowingLimit(until: "timeout at finalDot") { try await bench.send(mail(within: $0)) }
        }
    }

    /// Tries with longer and longer limits: a busy machine may need more time to get as far as the test wants.
    private static func withGrowingLimit(until summary: String, _ send: (Duration) async throws -> MailResult?) async throws {
        var limit = short
        var last: MailResult?
        while limit < .seconds(20) {
            last = try await send(limit)
            if last?.summary == summary { return }
            limit *= 2
        }
        Issue.record("\(last?.summary ?? "nothing") instead of \(summary)")
    }

    @Test func aSubmissionThatWaitsForAConnectionHasItsDeadlineToo() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await MailBench.with(script, connections: 1) { bench in
            let busy = Task { try await bench.send(mail()) }
            await bench.server.sees(.message(1))
            try await bench.fails(mail(within: Self.short), as: "noConnection at connect")
            busy.cancel()
            _ = await busy.result
        }
    }
}
