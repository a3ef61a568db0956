import AdapterKit
import NIOCore
import Testing
import WireTestKit

@testable import ProviderSimulators

@Suite("The SMTP simulator's protocol", .timeLimit(.minutes(2)))
struct SMTPProtocolTests {
    @Test("finds the end of a message however its bytes are cut")
    func scanner() {
        let message = Array("Hello\r\n..\r\n.x\r\nbare\n.\r\n\r\n.\r\n".utf8)
        let end = message.count - 3
        for first in 0...message.count {
            for second in first...message.count {
                var scanner = MessageScanner()
                var buffer = ByteBuffer()
                var found: Int?
                for piece in [message[..<first], message[first..<second], message[second...]] {
                    buffer.writeBytes(piece)
                    found = scanner.end(in: buffer)
                    #expect(found == nil || buffer.readableBytes == message.count)
                }
                #expect(found == end)
            }
        }
        var scanner = MessageScanner()
        #expect(scanner.end(in: ByteBuffer(string: ".\r\nQUIT\r\n")) == 0)
    }

    @Test("makes doubled dots single, at the beginning of a line only")
    func unstuffing() {
        let stuffed = Array("..\r\n..a\r\na..b\r\n".utf8)
        #expect(MessageScanner.unstuff(stuffed) == Array(".\r\n.a\r\na..b\r\n".utf8))
    }

    @Test("refuses what comes out of order or is malformed")
    func order() async throws {
        let server = try await SMTPSimulator.start()
        let client = try await WireClient(port: server.port)
        _ = try await client.reply()
        #expect(try await client.ask("MAIL FROM:<a@example.nl>").hasPrefix("503"))
        #expect(try await client.ask("HELO client").hasPrefix("250"))
        #expect(try await client.ask("RCPT TO:<a@example.nl>").hasPrefix("503"))
        #expect(try await client.ask("DATA").hasPrefix("503"))
        #expect(try await client.ask("MAIL FROM:a@example.nl").hasPrefix("501"))
        #expect(try await client.ask("MAIL FROM:<a@example.nl> RET=HDRS").hasPrefix("555"))
        #expect(try await client.ask("mail from:<>").hasPrefix("250"))
        #expect(try await client.ask("MAIL FROM:<a@example.nl>").hasPrefix("503"))
        #expect(try await client.ask("RCPT TO:<>").hasPrefix("501"))
        #expect(try await client.ask("DATA").hasPrefix("554"))
        #expect(try await client.ask("RSET").hasPrefix("250"))
        #expect(try await client.ask("DATA").hasPrefix("503"))
        #expect(try await client.ask("FROB").hasPrefix("500"))
        #expect(try await client.ask("STARTTLS").hasPrefix("502"))
        try await client.send(String(repeating: "x", count: 20_000))
        #expect(try await client.line().hasPrefix("500"))
        // The server does not read on, so the end may be an RST; that it comes is what counts.
        _ = try await client.rest()
        await server.stop()
    }

    @Test("enforces the size it announces, at MAIL and after the dot")
    func size() async throws {
        var options = SMTPSimulator.Options()
        options.maximumSize = 100
        let server = try await SMTPSimulator.start(options: options)
        let client = try await WireClient.greeted(server.port)
        #expect(try await client.ask("MAIL FROM:<a@example.nl> SIZE=101").hasPrefix("552 5.3.4"))
        #expect(try await client.mail(body: String(repeating: "x", count: 99) + "\r\n").hasPrefix("552 5.3.4"))
        #expect(try await client.mail(body: String(repeating: "x", count: 98) + "\r\n").hasPrefix("250"))
        #expect(server.count == 1)
        await server.stop()
    }

    @Test("announces no more than it is told to, and takes addresses beyond ASCII only then")
    func extensions() async throws {
        var options = SMTPSimulator.Options()
        options.pipelining = false
        options.eightBitMIME = false
        options.smtputf8 = false
        options.maximumSize = nil
        let server = try await SMTPSimulator.start(options: options)
        let client = try await WireClient(port: server.port)
        _ = try await client.reply()
        try await client.send("EHLO client\r\n")
        #expect(try await client.reply() == ["250-simulator.invalid", "250 ENHANCEDSTATUSCODES"])
        #expect(try await client.ask("MAIL FROM:<a@example.nl> SMTPUTF8").hasPrefix("555"))
        #expect(try await client.ask("MAIL FROM:<é@example.nl>").hasPrefix("553 5.6.7"))
        #expect(try await client.ask("MAIL FROM:<a@example.nl>").hasPrefix("250"))
        #expect(try await client.ask("RCPT TO:<é@example.nl>").hasPrefix("553 5.6.7"))
        await server.stop()
        let open = try await SMTPSimulator.start()
        let other = try await WireClient.greeted(open.port)
        #expect(try await other.ask("MAIL FROM:<é@example.nl> SMTPUTF8").hasPrefix("250"))
        await open.stop()
    }

    @Test("demands the right credentials, by PLAIN or LOGIN")
    func authentication() async throws {
        var options = SMTPSimulator.Options()
        options.credentials = SMTPSimulator.Credentials(username: "user", password: "pässword")
        let server = try await SMTPSimulator.start(
            options: options, script: [SMTPRule(at: .auth, nth: 3...3, .reply(SMTPAnswer(454, "4.7.0", "Later")))])
        func base64(_ text: String) -> String { Base64.encode(Array(text.utf8)) }
        let client = try await WireClient.greeted(server.port)
        #expect(try await client.ask("MAIL FROM:<a@example.nl>").hasPrefix("530 5.7.0"))
        #expect(try await client.ask("AUTH PLAIN \(base64("\0user\0wrong"))").hasPrefix("535 5.7.8"))
        #expect(try await client.ask("AUTH CRAM-MD5").hasPrefix("504"))
        #expect(try await client.ask("AUTH PLAIN") == "334 ")
        #expect(try await client.ask("*").hasPrefix("501"))
        #expect(try await client.ask("AUTH PLAIN \(base64("\0user\0pässword"))").hasPrefix("454 4.7.0"))
        #expect(try await client.ask("AUTH PLAIN") == "334 ")
        #expect(try await client.ask(base64("\0user\0pässword")).hasPrefix("235"))
        #expect(try await client.ask("AUTH PLAIN").hasPrefix("503"))
        #expect(try await client.mail().hasPrefix("250"))
        let login = try await WireClient.greeted(server.port)
        #expect(try await login.ask("AUTH LOGIN") == "334 VXNlcm5hbWU6")
        #expect(try await login.ask(base64("user")) == "334 UGFzc3dvcmQ6")
        #expect(try await login.ask(base64("pässword")).hasPrefix("235"))
        #expect(try await login.mail().hasPrefix("250"))
        await server.stop()
    }

    @Test("speaks TLS after STARTTLS or from the first byte, and forgets what came before")
    func tls() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            var options = SMTPSimulator.Options()
            options.certificate = authority.certificate
            options.credentials = SMTPSimulator.Credentials(username: "u", password: "p")
            options.authOnlyOverTLS = true
            let server = try await SMTPSimulator.start(options: options)
            let client = try await WireClient.greeted(server.port)
            #expect(try await client.ask("AUTH PLAIN AHUAcA==").hasPrefix("502"))
            // A command smuggled in before the handshake is not answered after it.
            try await client.send("STARTTLS\r\nNOOP\r\n")
            #expect(try await client.line().hasPrefix("220"))
            try await client.startTLS()
            #expect(try await client.ask("MAIL FROM:<a@example.nl>").hasPrefix("503"))
            try await client.send("EHLO client\r\n")
            let extensions = try await client.reply()
            #expect(!extensions.contains { $0.hasSuffix("STARTTLS") })
            #expect(extensions.last == "250 AUTH PLAIN LOGIN")
            #expect(try await client.ask("AUTH PLAIN AHUAcA==").hasPrefix("235"))
            #expect(try await client.mail().hasPrefix("250"))
            await server.stop()

            options.isTLSImplicit = true
            let implicit = try await SMTPSimulator.start(options: options)
            let other = try await WireClient(port: implicit.port)
            try await other.startTLS()
            #expect(try await other.reply().first?.hasPrefix("220") == true)
            await implicit.stop()
        }
    }
}
