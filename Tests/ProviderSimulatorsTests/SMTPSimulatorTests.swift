import AdapterKit
import NIOPosix
import Testing

@testable import ProviderSimulators

@Suite("The SMTP simulator", .timeLimit(.minutes(2)))
struct SMTPSimulatorTests {
    static let patience = Duration.seconds(30)

    @Test("takes mail as it came, several on one connection")
    func happyPath() async throws {
        let server = try await SMTPSimulator.start()
        let client = try await WireClient(port: server.port)
        #expect(try await client.reply().last?.hasPrefix("220 ") == true)
        try await client.send("EHLO client.example\r\n")
        let extensions = try await client.reply()
        #expect(extensions.contains("250-PIPELINING"))
        #expect(extensions.contains("250-8BITMIME"))
        #expect(extensions.contains("250-SMTPUTF8"))
        #expect(extensions.last == "250 SIZE 26214400")
        #expect(try await client.mail(to: ["b@example.nl", "c@example.nl"]) == "250 2.0.0 Ok: queued")
        #expect(try await client.mail(body: "") == "250 2.0.0 Ok: queued")
        #expect(try await client.ask("QUIT").hasPrefix("221 "))
        #expect(try await client.rest().end == .closed)
        try await server.waitForCount(2, timeout: Self.patience)
        let mails = server.received()
        #expect(mails.map(\.sender) == ["a@example.nl", "a@example.nl"])
        #expect(mails.map(\.recipients) == [["b@example.nl", "c@example.nl"], ["b@example.nl"]])
        #expect(mails[0].text == WireClient.body.replacing("..dot", with: ".dot"))
        #expect(mails[1].data.isEmpty)
        #expect(mails.map(\.messageID) == ["<1@example.nl>", nil])
        #expect(mails.map(\.connection) == [1, 1])
        #expect(server.count == 2)
        #expect(server.connections == 1)
        await server.stop()
    }

    @Test("answers a pipelined transaction in order")
    func pipelining() async throws {
        let server = try await SMTPSimulator.start()
        let client = try await WireClient.greeted(server.port)
        try await client.send(
            "MAIL FROM:<a@example.nl> BODY=8BITMIME SIZE=10\r\nRCPT TO:<bounce@example.nl>\r\nRCPT TO:<b@example.nl>\r\nDATA\r\n")
        var codes: [String] = []
        for _ in 0..<4 { codes.append(String(try await client.line().prefix(3))) }
        #expect(codes == ["250", "550", "250", "354"])
        try await client.send("Hello\r\n.\r\nMAIL FROM:<>\r\n")
        #expect(try await client.line() == "250 2.0.0 Ok: queued")
        #expect(try await client.line() == "250 2.1.0 Ok")
        #expect(server.received().first?.recipients == ["b@example.nl"])
        await server.stop()
    }

    @Test("answers by rule at every phase", arguments: SMTPRule.Phase.allCases)
    func replies(_ phase: SMTPRule.Phase) async throws {
        let server = try await SMTPSimulator.start(script: [SMTPRule(at: phase, .reply(SMTPAnswer(451, "4.3.0", "Not\nnow")))])
        let client = try await WireClient(port: server.port)
        if phase == .auth { try await client.advance(to: .ehlo) } else { try await client.advance(to: phase) }
        if phase == .auth {
            // Without credentials AUTH is refused before a script is asked.
            _ = try await client.reply()
            #expect(try await client.ask("AUTH PLAIN AHUAcA==").hasPrefix("502 "))
        } else {
            #expect(try await client.reply() == ["451-4.3.0 Not", "451 4.3.0 now"])
        }
        #expect(server.count == 0)
        await server.stop()
    }

    @Test("ends connections by rule at every phase", arguments: [SMTPRule.Phase.greeting, .ehlo, .mail, .rcpt, .data, .body, .finalDot])
    func wireFaults(_ phase: SMTPRule.Phase) async throws {
        for (fault, end) in [(WireFault.close, WireClient.End.closed), (.reset, .reset), (.garbage, .closed)] {
            let server = try await SMTPSimulator.start(script: [SMTPRule(at: phase, .fault(fault))])
            do {
                let client = try await WireClient(port: server.port)
                try await client.advance(to: phase)
                let rest = try await client.rest()
                #expect(rest.bytes == (fault == .garbage ? WireFault.garbageBytes : []))
                #expect(rest.end == end)
            } catch let error as NIOConnectionError {
                // A reset in place of a greeting can overtake the client's view of its own connecting.
                #expect(phase == .greeting && fault == .reset, "\(error)")
            }
            #expect(server.count == 0)
            await server.stop()
        }
    }

    @Test("hangs by rule until it is stopped", arguments: [SMTPRule.Phase.greeting, .mail, .finalDot])
    func hang(_ phase: SMTPRule.Phase) async throws {
        // One loop serves both connections, so the first has been read once the second is answered.
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await SMTPSimulator.start(script: [SMTPRule(at: phase, nth: 1...1, .fault(.hang))], eventLoopGroup: loop)
        let client = try await WireClient(port: server.port)
        try await client.advance(to: phase)
        // Another connection is served meanwhile.
        let other = try await WireClient.greeted(server.port)
        #expect(try await other.mail() == "250 2.0.0 Ok: queued")
        await server.stop()
        #expect(try await client.rest().bytes.isEmpty)
        #expect(server.count == 1)
    }

    @Test("closes after the final dot, with or without the message", arguments: [true, false])
    func closeAfterDot(_ recorded: Bool) async throws {
        let server = try await SMTPSimulator.start(script: [SMTPRule(at: .finalDot, nth: 1...1, .closeAfterDot(recorded: recorded))])
        let client = try await WireClient(port: server.port)
        try await client.advance(to: .finalDot)
        let rest = try await client.rest()
        #expect(rest.bytes.isEmpty)
        #expect(rest.end == .closed)
        #expect(server.count == (recorded ? 1 : 0))
        await server.stop()
    }

    @Test("delays a reply, and counts the message at once")
    func delay() async throws {
        let server = try await SMTPSimulator.start(script: [SMTPRule(at: .finalDot, .delay(.seconds(3600)))])
        let client = try await WireClient(port: server.port)
        try await client.advance(to: .finalDot)
        try await server.waitForCount(1, timeout: Self.patience)
        await server.stop()
        #expect(try await client.rest().bytes.isEmpty)

        let slow = try await SMTPSimulator.start(script: [SMTPRule(at: .ehlo, .delay(.milliseconds(50)))])
        let started = ContinuousClock.now
        _ = try await WireClient.greeted(slow.port)
        #expect(ContinuousClock.now - started >= .milliseconds(50))
        await slow.stop()
    }

    @Test("replaces a positive reply and goes on; 421 ends the connection")
    func positiveReplyAnd421() async throws {
        let server = try await SMTPSimulator.start(script: [
            SMTPRule(at: .rcpt, .reply(SMTPAnswer(251, "2.1.5", "Will forward"))),
            SMTPRule(at: .mail, nth: 2...2, .reply(SMTPAnswer(421, "4.3.2", "Closing"))),
        ])
        let client = try await WireClient.greeted(server.port)
        _ = try await client.ask("MAIL FROM:<a@example.nl>")
        #expect(try await client.ask("RCPT TO:<b@example.nl>") == "251 2.1.5 Will forward")
        #expect(try await client.ask("DATA").hasPrefix("354"))
        try await client.send("Hello\r\n.\r\n")
        #expect(try await client.line().hasPrefix("250"))
        #expect(try await client.ask("MAIL FROM:<a@example.nl>") == "421 4.3.2 Closing")
        #expect(try await client.rest().end == .closed)
        await server.stop()
    }

    @Test("picks rules by recipient and by turn, and takes a new script at once")
    func rules() async throws {
        let busy = SMTPRule.Action.reply(SMTPAnswer(450, "4.2.1", "Busy"))
        let server = try await SMTPSimulator.start(script: [
            SMTPRule(at: .rcpt, recipient: .address("B@example.nl"), nth: 2...3, busy),
            SMTPRule(at: .rcpt, recipient: .domain("example.org"), busy),
            SMTPRule(at: .rcpt, recipient: .localPartContains("odd"), .reply(SMTPAnswer(550, "5.1.1", "No"))),
        ])
        let client = try await WireClient.greeted(server.port)
        _ = try await client.ask("MAIL FROM:<a@example.nl>")
        var codes: [String] = []
        for recipient in ["b@example.nl", "b@example.nl", "B@Example.nl", "b@example.nl", "c@example.org", "an.odd.one@example.nl", "odd"] {
            codes.append(String(try await client.ask("RCPT TO:<\(recipient)>").prefix(3)))
        }
        #expect(codes == ["250", "450", "450", "250", "450", "550", "501"])
        server.setScript([])
        #expect(try await client.ask("RCPT TO:<c@example.org>").hasPrefix("250"))
        await server.stop()
    }

    @Test("knows its magic recipients")
    func magicRecipients() async throws {
        var options = SMTPSimulator.Options()
        options.slowDelay = .milliseconds(50)
        let server = try await SMTPSimulator.start(options: options)
        let client = try await WireClient.greeted(server.port)
        _ = try await client.ask("MAIL FROM:<a@example.nl>")
        #expect(try await client.ask("RCPT TO:<bounce+1@example.nl>").hasPrefix("550 5.1.1"))
        #expect(try await client.ask("RCPT TO:<full@example.nl>").hasPrefix("452 4.2.2"))
        #expect(try await client.ask("RCPT TO:<greylist@example.nl>").hasPrefix("451 4.7.1"))
        #expect(try await client.ask("RCPT TO:<greylist@example.nl>").hasPrefix("250"))
        #expect(try await client.ask("RCPT TO:<greylist.2@example.nl>").hasPrefix("451 4.7.1"))
        let started = ContinuousClock.now
        #expect(try await client.ask("RCPT TO:<slow@example.nl>").hasPrefix("250"))
        #expect(ContinuousClock.now - started >= .milliseconds(50))
        #expect(try await client.ask("RCPT TO:<a@bounce.example.nl>").hasPrefix("250"))
        await server.stop()
        options.magicRecipients = false
        let plain = try await SMTPSimulator.start(options: options)
        let other = try await WireClient.greeted(plain.port)
        _ = try await other.ask("MAIL FROM:<a@example.nl>")
        #expect(try await other.ask("RCPT TO:<bounce@example.nl>").hasPrefix("250"))
        await plain.stop()
    }

    @Test("counts without keeping")
    func countOnly() async throws {
        var options = SMTPSimulator.Options()
        options.keepMessages = false
        let server = try await SMTPSimulator.start(options: options)
        let client = try await WireClient.greeted(server.port)
        for _ in 0..<3 { #expect(try await client.mail().hasPrefix("250")) }
        #expect(server.count == 3)
        #expect(server.received().isEmpty)
        await server.stop()
    }
}
