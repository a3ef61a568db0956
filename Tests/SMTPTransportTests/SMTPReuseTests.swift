import AdapterKit
import Testing

@testable import SMTPTransport

/// Kept connections, and the bound on their number.
@Suite(.timeLimit(.minutes(2))) struct SMTPReuseTests {
    @Test func twoMailsOnOneConnection() async throws {
        try await MailBench.with { bench in
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
        try await MailBench.with(script) { bench in
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
        try await MailBench.with(script) { bench in
            try await bench.accepts(mail("one\r\n"))
            try await bench.accepts(mail("two\r\n"))
            #expect(bench.server.log.connections == 2)
            #expect(bench.server.log.messages == [Array("one\r\n".utf8), Array("two\r\n".utf8)])
        }
    }

    @Test func serverThatAlwaysClosesAtMailIsTriedOnceOnly() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command.hasPrefix("MAIL") ? .close : nil }
        try await MailBench.with(script) { bench in
            try await bench.fails(mail(), as: "closed at mail")
            #expect(bench.server.log.connections == 1)
        }
    }

    @Test func refusedTransactionIsReset() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, transaction in command == "RCPT TO:<b@example.com>" && transaction == 1 ? .say("550 5.1.1 no") : nil }
        script.capabilities = []
        try await MailBench.with(script) { bench in
            try await bench.fails(mail(), as: "refused 550 5.1.1 at rcpt")
            try await bench.accepts(mail())
            #expect(bench.server.log.connections == 1)
            #expect(bench.server.log.commands.contains("RSET"))
        }
    }

    @Test func givesAConnectionUpAfterItsShare() async throws {
        var configuration = SMTPConfiguration()
        #expect(configuration.messagesPerConnection == 100)
        configuration.messagesPerConnection = 3
        try await MailBench.with(.init(), configuration, connections: 1) { bench in
            for _ in 0..<7 { try await bench.accepts(mail()) }
            #expect(bench.server.log.connections == 3)
            #expect(bench.server.log.commands.filter { $0 == "QUIT" }.count == 2)
        }
    }

    @Test func idleConnectionsTakeLeave() async throws {
        var configuration = SMTPConfiguration()
        configuration.idle = .milliseconds(50)
        try await MailBench.with(.init(), configuration) { bench in
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
        try await MailBench.with(script, connections: 3) { bench in
            try await withThrowingTaskGroup(of: MailResult.self) { group in
                for _ in 0..<4 { group.addTask { try await bench.send(mail()) } }
                for try await result in group { #expect(result.summary == "accepted") }
            }
            #expect(bench.server.log.connections == 3)
            #expect(bench.server.log.messages.count == 4)
        }
    }

    @Test func manySubmissionsAllArriveOnce() async throws {
        try await MailBench.with(connections: 4) { bench in
            try await withThrowingTaskGroup(of: MailResult.self) { group in
                for number in 0..<300 { group.addTask { try await bench.send(mail("\(number)\r\n")) } }
                for try await result in group { #expect(result.summary == "accepted") }
            }
            let log = bench.server.log
            #expect(Set(log.messages) == Set((0..<300).map { Array("\($0)\r\n".utf8) }))
            #expect(log.messages.count == 300 && log.connections <= 8)
        }
    }
}
