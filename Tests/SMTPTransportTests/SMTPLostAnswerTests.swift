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

    @Test(arguments: ["250 2.0.0 tak", "250-2.0.0 taken\r\n", "25"]) func aReplyThatBreaksOffIsNone(part: String) async throws {
        var script = ScriptedServer.Script()
        script.react = { command, _, _ in command == "." ? .breakOff(part) : nil }
        try await MailBench.with(script) { bench in try await bench.fails(mail(), as: "closed at finalDot") }
        script.react = { command, _, _ in command.hasPrefix("RCPT") ? .breakOff(part) : nil }
        script.capabilities = []
        try await MailBench.with(script) { bench in try await bench.fails(mail(), as: "closed at rcpt") }
    }

    // MARK: - What is not even begun

    @Test func aMailLargerThanAnnouncedIsNotSent() async throws {
        var script = ScriptedServer.Script()
        script.capabilities = ["SIZE 1000"]
        try await MailBench.with(script) { bench in
            try await bench.fails(mail([UInt8](repeating: 0x78, count: 999)), as: "tooLarge at mail")
            #expect(bench.server.log.commands == ["EHLO client.test"])
            // The connection is as good as before.
            try await bench.accepts(mail([UInt8](repeating: 0x78, count: 998)))
            #expect(bench.server.log.connections == 1)
            #expect(bench.server.log.commands.contains("MAIL FROM:<a@example.com> SIZE=1000"))
        }
    }

    @Test func anAddressInAnotherScriptIsSentOnlyWhereItIsTaken() async throws {
        try await MailBench.with { bench in
            try await bench.fails(mail(to: ["用户@example.com"]), as: "smtputf8Unavailable at mail")
            #expect(bench.server.log.commands == ["EHLO client.test"])
        }
        var script = ScriptedServer.Script()
        script.capabilities = ["SMTPUTF8", "8BITMIME"]
        try await MailBench.with(script) { bench in
            try await bench.accepts(mail("Naar: 用户\r\n", to: ["用户@example.com"]))
            #expect(bench.server.log.commands.contains("MAIL FROM:<a@example.com> BODY=8BITMIME SMTPUTF8"))
            #expect(bench.server.log.commands.contains("RCPT TO:<用户@example.com>"))
        }
    }

    @Test func aServerThatPipelinesGetsTheWholeEnvelopeAtOnce() async throws {
        var script = ScriptedServer.Script()
        script.capabilities = ["PIPELINING"]
        script.react = { command, _, _ in
            switch command.prefix(4) {
            case "MAIL", "RCPT": .wait
            case "DATA": .sayThenData("250 sender\r\n250 one\r\n550 5.1.1 two\r\n250 three\r\n354 go")
            default: nil
            }
        }
        try await MailBench.with(script) { bench in
            guard case .accepted(_, let recipients) = try await bench.send(mail(to: ["a@x.nl", "b@x.nl", "c@x.nl"])) else {
                Issue.record("it must be accepted")
                return
            }
            #expect(recipients.map(\.recipient) == ["a@x.nl", "b@x.nl", "c@x.nl"])
            #expect(recipients.map(\.reply.codes) == ["250", "550 5.1.1", "250"])
            #expect(bench.server.log.messages.count == 1)
        }
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
            // Every line begins with a dot and has 64 bytes, so that the pieces are cut at, before and behind dots and line breaks.
            let line = Array(("." + String(repeating: "y", count: 61) + "\r\n").utf8)
            for size in kilobytes * 1024 - 3...kilobytes * 1024 + 3 {
                let rest = Array(repeating: UInt8(ascii: "."), count: size % 64)
                let text = Array(repeatElement(line, count: size / 64).joined()) + rest
                try await bench.accepts(mail(text))
                wanted.append(text + (rest.isEmpty ? [] : [13, 10]))
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
