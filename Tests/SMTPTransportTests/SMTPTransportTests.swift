import AdapterKit
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import SMTPTransport

/// The client on real sockets, against a scripted server on loopback.
@Suite(.timeLimit(.minutes(1))) struct SMTPTransportTests {
    private func mail(_ text: String = "hello\r\n", to recipients: [String] = ["b@example.com"]) -> MailSubmission {
        mail(Array(text.utf8), to: recipients)
    }

    private func mail(_ data: [UInt8], to recipients: [String] = ["b@example.com"]) -> MailSubmission {
        MailSubmission(sender: "a@example.com", recipients: recipients, data: data, deadline: SystemClock().now + .seconds(50))
    }

    private struct Bench: Sendable {
        let server: ScriptedServer
        let transport: SMTPTransport
        var account: MailServer

        func send(_ mail: MailSubmission) async throws -> MailResult { try await transport.send(mail, through: account) }

        func accepts(_ mail: MailSubmission, sourceLocation: SourceLocation = #_sourceLocation) async throws {
            let result = try await send(mail)
            #expect(isAccepted(result), sourceLocation: sourceLocation)
        }

        func fails(_ mail: MailSubmission, as expected: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
            let result = try await send(mail)
            #expect(failure(result) == expected, sourceLocation: sourceLocation)
        }
    }

    /// Runs a test with a server and a transport, and ends both.
    private func with(
        _ script: ScriptedServer.Script = .init(), _ configuration: SMTPConfiguration = .init(), host: String = "127.0.0.1",
        security: MailServer.Security = .none, caFile: String? = nil, credentials: MailServer.Credentials? = nil, connections: Int = 4,
        _ body: (Bench) async throws -> Void
    ) async throws {
        let server = ScriptedServer(script)
        try await server.start()
        let transport = SMTPTransport(
            configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let account = MailServer(
            host: host, port: server.port, security: security, credentials: credentials, caFile: caFile, clientName: "client.test",
            connections: connections)
        try await body(Bench(server: server, transport: transport, account: account))
        await transport.shutdown()
        await server.stop()
    }

    // MARK: - Reuse

    @Test func twoMailsOnOneConnection() async throws {
        try await with { bench in
            try await bench.accepts(mail())
            try await bench.accepts(mail(".dot\r\n"))
            #expect(bench.server.log.connections == 1)
            #expect(bench.server.log.messages == [Array("hello\r\n".utf8), Array(".dot\r\n".utf8)])
            #expect(!bench.server.log.commands.contains("RSET"))
        }
    }

    @Test func closedWhileIdleGoesOnAFreshConnection() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .sayThenClose("250 taken") : nil }
        try await with(script) { bench in
            for _ in 0..<3 { try await bench.accepts(mail()) }
            #expect(bench.server.log.connections == 3)
            #expect(bench.server.log.messages.count == 3)
        }
    }

    @Test(arguments: [false, true]) func keptConnectionRefusesMailAndTheMailGoesOnAFreshOne(closes: Bool) async throws {
        var script = ScriptedServer.Script()
        script.react = { command, connection, transaction in
            command.hasPrefix("MAIL") && connection == 1 && transaction == 2 ? (closes ? .close : .sayThenClose("421 4.3.2 tired")) : nil
        }
        try await with(script) { bench in
            try await bench.accepts(mail("one\r\n"))
            try await bench.accepts(mail("two\r\n"))
            #expect(bench.server.log.connections == 2)
            #expect(bench.server.log.messages == [Array("one\r\n".utf8), Array("two\r\n".utf8)])
        }
    }

    @Test func serverThatAlwaysClosesAtMailIsTriedOnceOnly() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command.hasPrefix("MAIL") ? .close : nil }
        try await with(script) { bench in
            try await bench.fails(mail(), as: ["closed", "mail"])
            #expect(bench.server.log.connections == 1)
        }
    }

    @Test func refusedTransactionIsReset() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, transaction in command == "RCPT TO:<b@example.com>" && transaction == 1 ? .say("550 5.1.1 no") : nil }
        script.capabilities = []
        try await with(script) { bench in
            guard case .refused(let reply, .rcpt, let recipients) = try await bench.send(mail()) else {
                Issue.record("it must be refused at RCPT")
                return
            }
            #expect(reply.codes == "550 5.1.1" && recipients.count == 1)
            try await bench.accepts(mail())
            #expect(bench.server.log.connections == 1)
            #expect(bench.server.log.commands.contains("RSET"))
        }
    }

    @Test func givesAConnectionUpAfterItsShare() async throws {
        var configuration = SMTPConfiguration()
        #expect(configuration.messagesPerConnection == 100)
        configuration.messagesPerConnection = 3
        try await with(.init(), configuration, connections: 1) { bench in
            for _ in 0..<7 { try await bench.accepts(mail()) }
            #expect(bench.server.log.connections == 3)
            #expect(bench.server.log.commands.filter { $0 == "QUIT" }.count == 2)
        }
    }

    @Test func idleConnectionsTakeLeave() async throws {
        var configuration = SMTPConfiguration()
        configuration.idle = .milliseconds(50)
        try await with(.init(), configuration) { bench in
            try await bench.accepts(mail())
            await bench.server.sees(.command(1, "QUIT"))
            try await bench.accepts(mail())
            #expect(bench.server.log.connections == 2)
        }
    }

    // MARK: - The pool's bound

    @Test func moreSubmissionsThanConnections() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .whenMessages(3) : nil }
        try await with(script, connections: 3) { bench in
            try await withThrowingTaskGroup(of: MailResult.self) { group in
                for _ in 0..<4 { group.addTask { try await bench.send(mail()) } }
                for try await result in group { #expect(isAccepted(result)) }
            }
            #expect(bench.server.log.connections == 3)
            #expect(bench.server.log.messages.count == 4)
        }
    }

    @Test func manySubmissionsAllArriveOnce() async throws {
        try await with(connections: 4) { bench in
            try await withThrowingTaskGroup(of: MailResult.self) { group in
                for number in 0..<300 { group.addTask { try await bench.send(mail("\(number)\r\n")) } }
                for try await result in group { #expect(isAccepted(result)) }
            }
            let log = bench.server.log
            #expect(Set(log.messages) == Set((0..<300).map { Array("\($0)\r\n".utf8) }))
            #expect(log.messages.count == 300 && log.connections <= 8)
        }
    }

    @Test func aWaitingSubmissionHasItsDeadline() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await with(script, connections: 1) { bench in
            let busy = Task { try await bench.send(mail()) }
            await bench.server.sees(.message(1))
            var late = mail()
            late.deadline = SystemClock().now + .milliseconds(100)
            try await bench.fails(late, as: ["timeout", "connect"])
            busy.cancel()
            _ = await busy.result
        }
    }

    // MARK: - Lost answers

    @Test func droppedAfterTheDotIsInDoubt() async throws {
        for reaction in [ScriptedServer.Reaction.close, .reset] {
            var script = ScriptedServer.Script()
            script.react = { command, _, _ in command == "." ? reaction : nil }
            try await with(script) { bench in
                try await bench.fails(mail(), as: ["closed", "finalDot"])
                #expect(bench.server.log.messages.count == 1)
            }
        }
    }

    @Test func droppedAfterTheDotOnAKeptConnectionIsNotRepeated() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, transaction in command == "." && transaction == 2 ? .close : nil }
        try await with(script) { bench in
            try await bench.accepts(mail())
            try await bench.fails(mail(), as: ["closed", "finalDot"])
            #expect(bench.server.log.messages.count == 2 && bench.server.log.connections == 1)
        }
    }

    @Test func silenceAfterTheDotIsInDoubt() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .silence : nil }
        var configuration = SMTPConfiguration()
        configuration.finalDot = .milliseconds(100)
        try await with(script, configuration) { bench in try await bench.fails(mail(), as: ["timeout", "finalDot"]) }
    }

    @Test func theDeadlineBoundsEveryPhase() async throws {
        var script = ScriptedServer.Script()
        script.greeting = .silence
        try await with(script) { bench in
            var hurried = mail()
            hurried.deadline = SystemClock().now + .milliseconds(100)
            try await bench.fails(hurried, as: ["timeout", "greeting"])
            hurried.deadline = SystemClock().now - .seconds(1)
            try await bench.fails(hurried, as: ["timeout", "connect"])
        }
    }

    @Test func garbageAfterTheDotIsInDoubt() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .say("HTTP/1.1 200 OK") : nil }
        try await with(script) { bench in try await bench.fails(mail(), as: ["protocolViolation", "finalDot"]) }
    }

    @Test func garbageAsGreeting() async throws {
        var script = ScriptedServer.Script()
        script.greeting = .say("SSH-2.0-OpenSSH")
        try await with(script) { bench in try await bench.fails(mail(), as: ["protocolViolation", "greeting"]) }
    }

    @Test func refusedInTheMiddleOfTheBody() async throws {
        var script = ScriptedServer.Script()
        script.inBody = "552 5.3.4 too much"
        // The server reads on but never answers the dot: only the early reply can decide.
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await with(script) { bench in
            let line = String(repeating: "x", count: 70) + "\r\n"
            guard case .refused(let reply, let phase, _) = try await bench.send(mail(String(repeating: line, count: 100_000))) else {
                Issue.record("it must be refused")
                return
            }
            #expect(reply.codes == "552 5.3.4")
            #expect(phase == .body || phase == .finalDot)
        }
    }

    @Test(arguments: [["PIPELINING"], []]) func threeMegabytesArriveWhole(capabilities: [String]) async throws {
        var script = ScriptedServer.Script()
        script.capabilities = capabilities
        try await with(script) { bench in
            var data: [UInt8] = []
            for number in 0..<60_000 {
                data +=
                    Array((number % 3 == 0 ? ".line \(number)" : "line \(number) " + String(repeating: "y", count: 50)).utf8) + [13, 10]
            }
            #expect(data.count > 2_400_000)
            data += [UInt8](repeating: 0x7A, count: 800_000)
            try await bench.accepts(mail(data))
            #expect(bench.server.log.messages == [data + [13, 10]])
        }
    }

    // MARK: - Cancellation and shutdown

    @Test func cancellationClosesTheConnection() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await with(script) { bench in
            let sending = Task { try await bench.send(mail()) }
            await bench.server.sees(.message(1))
            sending.cancel()
            await #expect(throws: CancellationError.self) { try await sending.value }
            await bench.server.sees(.disconnected(1))
        }
    }

    @Test func cancelledBeforeItBegins() async throws {
        try await with { bench in
            let sending = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await bench.send(mail())
            }
            await #expect(throws: CancellationError.self) { try await sending.value }
            #expect(bench.server.log.messages.isEmpty)
            try await bench.accepts(mail())
        }
    }

    @Test func cancelledWhileWaitingLeavesTheQueue() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, transaction in command == "." && transaction == 1 ? .silence : nil }
        try await with(script, connections: 1) { bench in
            let busy = Task { try await bench.send(mail("busy\r\n")) }
            await bench.server.sees(.message(1))
            let waiting = Task { try await bench.send(mail("waiting\r\n")) }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            busy.cancel()
            _ = await busy.result
            #expect(bench.server.log.messages == [Array("busy\r\n".utf8)])
        }
    }

    @Test func shutdownLetsTheRunningOneEndAndTakesNothingNew() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .whenMessages(2) : nil }
        try await with(script) { bench in
            let first = Task { try await bench.send(mail()) }
            let second = Task { try await bench.send(mail()) }
            for sending in [first, second] {
                let result = try await sending.value
                #expect(isAccepted(result))
            }
            await bench.transport.shutdown()
            try await bench.fails(mail(), as: ["closed", "connect"])
            #expect(bench.server.log.commands.filter { $0 == "QUIT" }.count == 2)
        }
    }

    // MARK: - Probe

    @Test func probeQuitsWithoutMail() async throws {
        try await with(connections: 1) { bench in
            try await bench.accepts(mail())
            guard case .accepted(_, let recipients) = try await bench.transport.probe(bench.account) else {
                Issue.record("the probe must work")
                return
            }
            #expect(recipients.isEmpty)
            #expect(bench.server.log.connections == 2)
            #expect(bench.server.log.messages.count == 1)
        }
    }

    @Test func nobodyListens() async throws {
        let server = ScriptedServer(.init())
        try await server.start()
        let port = server.port
        await server.stop()
        try await with { bench in
            var account = bench.account
            account.port = port
            let result = try await bench.transport.probe(account)
            #expect(failure(result) == ["connect", "connect"])
        }
    }

    @Test func nameWithoutAddress() async throws {
        try await with(host: "no-such-host.invalid") { bench in
            try await bench.fails(mail(), as: ["nameResolution", "connect"])
        }
    }

    @Test func clientNameCannotInject() async throws {
        try await with { bench in
            var account = bench.account
            account.clientName = "me\r\nMAIL FROM:<>"
            let result = try await bench.transport.send(mail(), through: account)
            #expect(failure(result) == ["invalidEnvelope", "ehlo"])
            #expect(bench.server.log.connections == 0)
        }
    }

    // MARK: - The guard

    @Test(arguments: ["127.0.0.1", "::1", "[::1]", "localhost", "2130706433", "::ffff:127.0.0.1"]) func guardedRefusesLoopback(host: String)
        async throws
    {
        try await with(host: host) { bench in
            var account = bench.account
            account.network = .guarded(allow: [])
            let result = try await bench.transport.send(mail(), through: account)
            #expect(failure(result) == ["forbiddenAddress", "connect"])
            #expect(bench.server.log.connections == 0)
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost"]) func guardedPassesWhatIsAllowed(host: String) async throws {
        try await with(host: host) { bench in
            var account = bench.account
            account.network = .guarded(allow: [try #require(AddressBlock("127.0.0.0/8"))])
            let result = try await bench.transport.send(mail(), through: account)
            #expect(isAccepted(result))
        }
    }

    // MARK: - TLS

    @Test(arguments: [MailServer.Security.starttls, .tls], [("DNS:localhost", "localhost"), ("IP:127.0.0.1", "127.0.0.1")])
    func tlsWithPassword(security: MailServer.Security, names: (String, String)) async throws {
        let authority = try TestAuthority(names: names.0)
        defer { authority.remove() }
        var script = ScriptedServer.Script()
        script.tls = try authority.serverContext()
        script.implicitTLS = security == .tls
        script.capabilities = ["PIPELINING", "STARTTLS", "AUTH PLAIN"]
        let credentials = MailServer.Credentials(username: "user", password: Secret("pass"))
        try await with(script, host: names.1, security: security, caFile: authority.certificate, credentials: credentials) { bench in
            let data = [UInt8](repeating: 0x61, count: 300_000)
            try await bench.accepts(mail(data))
            try await bench.accepts(mail())
            #expect(bench.server.log.connections == 1)
            #expect(bench.server.log.messages.first == data + [13, 10])
            #expect(bench.server.log.commands.contains("AUTH PLAIN AHVzZXIAcGFzcw=="))
            #expect(bench.server.log.commands.filter { $0.hasPrefix("EHLO") }.count == (security == .tls ? 1 : 2))
        }
    }

    @Test(arguments: [MailServer.Security.starttls, .tls]) func wrongHostNameIsRefused(security: MailServer.Security) async throws {
        let authority = try TestAuthority(names: "DNS:other.example")
        defer { authority.remove() }
        var script = ScriptedServer.Script()
        script.tls = try authority.serverContext()
        script.implicitTLS = security == .tls
        script.capabilities = ["STARTTLS"]
        try await with(script, host: "localhost", security: security, caFile: authority.certificate) { bench in
            try await bench.fails(mail(), as: ["tls", "tls"])
            #expect(!bench.server.log.commands.contains { $0.hasPrefix("MAIL") })
        }
    }

    @Test func unknownAuthorityIsRefused() async throws {
        let authority = try TestAuthority(names: "DNS:localhost")
        defer { authority.remove() }
        var script = ScriptedServer.Script()
        script.tls = try authority.serverContext()
        script.implicitTLS = true
        try await with(script, host: "localhost", security: .tls) { bench in try await bench.fails(mail(), as: ["tls", "tls"]) }
    }

    @Test func missingAuthorityFile() async throws {
        try await with(host: "localhost", security: .tls, caFile: "/nonexistent/ca.pem") { bench in
            try await bench.fails(mail(), as: ["tls", "tls"])
            #expect(bench.server.log.connections == 0)
        }
    }

    @Test func wordsBehindTheStartTLSReply() async throws {
        let authority = try TestAuthority(names: "DNS:localhost")
        defer { authority.remove() }
        var script = ScriptedServer.Script()
        script.capabilities = ["STARTTLS"]
        script.react = { command, _, _ in command == "STARTTLS" ? .say("220 go\r\n250 injected") : nil }
        try await with(script, host: "localhost", security: .starttls, caFile: authority.certificate) { bench in
            try await bench.fails(mail(), as: ["protocolViolation", "startTLS"])
        }
    }
}

/// Reason and phase of a failure; any other result as it prints.
private func failure(_ result: MailResult) -> [String] {
    guard case .failed(let failure, let phase) = result else { return ["\(result)"] }
    return [failure.reason.rawValue, phase.rawValue]
}

private func isAccepted(_ result: MailResult) -> Bool {
    if case .accepted = result { true } else { false }
}
