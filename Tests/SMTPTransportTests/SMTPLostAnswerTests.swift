import AdapterKit
import Testing

@testable import SMTPTransport

/// What may have been sent, and what certainly was not.
@Suite(.timeLimit(.minutes(2))) struct SMTPLostAnswerTests {
    @Test func droppedAfterTheDotIsInDoubt() async throws {
        for reaction in [ScriptedServer.Reaction.close, .reset] {
            var script = ScriptedServer.Script()
            script.react = { command, _, _ in command == "." ? reaction : nil }
            try await MailBench.with(script) { bench in
                try await bench.fails(mail(), as: "closed at finalDot")
                #expect(bench.server.log.messages.count == 1)
            }
        }
    }

    @Test func droppedAfterTheDotOnAKeptConnectionIsNotRepeated() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, transaction in command == "." && transaction == 2 ? .close : nil }
        try await MailBench.with(script) { bench in
            try await bench.accepts(mail())
            try await bench.fails(mail(), as: "closed at finalDot")
            #expect(bench.server.log.messages.count == 2 && bench.server.log.connections == 1)
        }
    }

    @Test func garbageAfterTheDotIsInDoubt() async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .say("HTTP/1.1 200 OK") : nil }
        try await MailBench.with(script) { bench in try await bench.fails(mail(), as: "protocolViolation at finalDot") }
    }

    @Test func garbageAsGreeting() async throws {
        var script = ScriptedServer.Script()
        script.greeting = .say("SSH-2.0-OpenSSH")
        try await MailBench.with(script) { bench in try await bench.fails(mail(), as: "protocolViolation at greeting") }
    }

    @Test func refusedInTheMiddleOfTheBody() async throws {
        var script = ScriptedServer.Script()
        script.inBody = "552 5.3.4 too much"
        // The server reads on but never answers the dot: only the early reply can decide.
        script.react = { command, _, _ in command == "." ? .silence : nil }
        try await MailBench.with(script) { bench in
            let line = String(repeating: "x", count: 70) + "\r\n"
            guard case .refused(let reply, let phase, _) = try await bench.send(mail(String(repeating: line, count: 100_000))) else {
                Issue.record("it must be refused")
                return
            }
            #expect(reply.codes == "552 5.3.4")
            #expect(phase == .body || phase == .finalDot)
        }
    }

    @Test(arguments: [16, 32, 64, 128]) func messagesAroundTheEdgesOfBuffersArriveWhole(kilobytes: Int) async throws {
        try await MailBench.with { bench in
            var wanted: [[UInt8]] = []
            for size in kilobytes * 1024 - 4...kilobytes * 1024 + 4 {
                // Every line begins with a dot, so that one has to be doubled wherever the pieces are cut.
                let lines = Array(repeatElement(Array(".\r\n".utf8), count: size / 3).joined()) + Array("..".utf8.prefix(size % 3))
                try await bench.accepts(mail(lines))
                wanted.append(lines + (size % 3 == 0 ? [] : [13, 10]))
            }
            #expect(bench.server.log.messages == wanted)
            #expect(bench.server.log.connections == 1)
        }
    }

    @Test(arguments: [["PIPELINING"], []]) func threeMegabytesArriveWhole(capabilities: [String]) async throws {
        var script = ScriptedServer.Script()
        script.capabilities = capabilities
        try await MailBench.with(script) { bench in
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
}
