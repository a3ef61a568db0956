import AdapterKit
import Testing
import WireTestKit

@testable import SMTPTransport

/// Cancelling, shutting down, and asking without sending.
@Suite(.timeLimit(.minutes(2))) struct SMTPEndingTests {
    @Test func cancellationClosesTheConnection() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await MailBench.with(script) { bench in
            let sending = Task { try await bench.send(mail()) }
            await bench.server.sees(.message(1))
            sending.cancel()
            try await sending.ends(as: "closed at finalDot")
            await bench.server.sees(.disconnected(1))
        }
    }

    @Test func cancellationBeforeTheFinalDotHasSentNothing() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "DATA" ? .silence : nil }
        try await MailBench.with(script) { bench in
            let sending = Task { try await bench.send(mail()) }
            await bench.server.sees(.command(1, "DATA"))
            sending.cancel()
            await #expect(throws: CancellationError.self) { try await sending.value }
            await bench.server.sees(.disconnected(1))
            #expect(bench.server.log.messages.isEmpty)
        }
    }

    @Test func cancelledBeforeItBegins() async throws {
        try await MailBench.with { bench in
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
        try await MailBench.with(script, connections: 1) { bench in
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
        script.react = { command, connection, _ in command == "." && connection == 1 ? .hold : nil }
        try await MailBench.with(script) { bench in
            let running = Task { try await bench.send(mail("running\r\n")) }
            await bench.server.sees(.message(1))
            let shutdown = Task { await bench.transport.shutdown() }
            // What comes before the shutdown has begun is still sent, on another connection.
            while try await bench.send(mail()).summary != "closed at connect" {}
            bench.server.release()
            try await running.ends(as: "accepted")
            await shutdown.value
            #expect(bench.server.log.messages.first == Array("running\r\n".utf8))
        }
    }

    @Test func shutdownTurnsAwayWhatWaits() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .hold : nil }
        try await MailBench.with(script, connections: 1) { bench in
            let running = Task { try await bench.send(mail()) }
            await bench.server.sees(.message(1))
            let waiting = (0..<5).map { _ in Task { try await bench.send(mail()) } }
            let shutdown = Task { await bench.transport.shutdown() }
            for task in waiting { try await task.ends(as: "closed at connect") }
            bench.server.release()
            try await running.ends(as: "accepted")
            await shutdown.value
            #expect(bench.server.log.messages.count == 1)
        }
    }

    // MARK: - Probe

    @Test func probeQuitsWithoutMail() async throws {
        try await MailBench.with(connections: 1) { bench in
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
        let nobody = try DeafListener(.refused)
        try await MailBench.with { bench in
            var account = bench.account
            account.port = nobody.port
            let result = try await bench.transport.probe(account)
            #expect(result.summary == "connect at connect")
        }
    }

    @Test func nameWithoutAddress() async throws {
        // A label of more than 63 letters is no name (RFC 1035, section 2.3.4): no resolver has to be asked.
        try await MailBench.with(host: String(repeating: "x", count: 64) + ".example") { bench in
            try await bench.fails(mail(), as: "nameResolution at connect")
        }
    }
}
