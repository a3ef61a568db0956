import AdapterKit
import Testing

@testable import SMTPTransport

@Suite struct SMTPReplyDecoderTests {
    private let dialogue = "220 mx ready\r\n250-mx\r\n250-SIZE 1000\r\n250 HELP\r\n550-5.1.1 no such\r\n550 5.1.2 user\r\n354\r\n"
    private var replies: [SMTPReply] {
        [
            SMTPReply(code: 220, lines: ["mx ready"]),
            SMTPReply(code: 250, lines: ["mx", "SIZE 1000", "HELP"]),
            SMTPReply(code: 550, enhanced: .init(5, 1, 2), lines: ["5.1.1 no such", "5.1.2 user"]),
            SMTPReply(code: 354, lines: [""]),
        ]
    }

    private func decode(_ pieces: [[UInt8]]) throws -> [SMTPReply] {
        var decoder = SMTPReplyDecoder()
        var found: [SMTPReply] = []
        for piece in pieces {
            decoder.append(piece)
            while let reply = try decoder.next() { found.append(reply) }
        }
        #expect(!decoder.hasPending)
        return found
    }

    @Test func readsRepliesInOnePiece() throws {
        #expect(try decode([Array(dialogue.utf8)]) == replies)
    }

    @Test func readsRepliesSplitAtEveryByte() throws {
        let bytes = Array(dialogue.utf8)
        for cut in 0...bytes.count { #expect(try decode([Array(bytes[..<cut]), Array(bytes[cut...])]) == replies) }
        #expect(try decode(bytes.map { [$0] }) == replies)
    }

    @Test func takesBareLineFeeds() throws {
        #expect(try decode([Array("250-a\n250 b\n".utf8)]) == [SMTPReply(code: 250, lines: ["a", "b"])])
    }

    @Test(arguments: [
        ("450 4.2.1 slow\r\n", "450 4.2.1"), ("450 5.2.1 odd\r\n", "450"), ("550-5.1.1 a\r\n550 b\r\n", "550 5.1.1"),
        ("550-4.1.1 a\r\n550 5.7.1 b\r\n", "550 5.7.1"), ("550-5.1.1 a\r\n550 4.7.1 b\r\n", "550 5.1.1"), ("250 2.0.0\r\n", "250 2.0.0"),
        ("550 5.1.1.1 no\r\n", "550"),
    ])
    func findsEnhancedCodes(text: String, codes: String) throws {
        #expect(try decode([Array(text.utf8)]).map(\.codes) == [codes])
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad\r\n", "\r\n", "25\r\n", "25x ok\r\n", "150 early\r\n", "650 late\r\n", "250+ok\r\n", "250-a\r\n251 b\r\n",
        "\u{0}\u{1}\n",
    ])
    func refusesWhatIsNoReply(text: String) {
        #expect(throws: SMTPReplyDecoder.Violation.self) { try decode([Array(text.utf8)]) }
    }

    @Test func refusesOverlongLinesWithAndWithoutEnd() {
        let long = [UInt8](repeating: 0x32, count: SMTPReplyDecoder.maximumLineBytes + 1)
        #expect(throws: SMTPReplyDecoder.Violation.self) { try decode([long]) }
        #expect(throws: SMTPReplyDecoder.Violation.self) { try decode([Array("250 ".utf8) + long + Array("\r\n".utf8)]) }
        #expect(throws: SMTPReplyDecoder.Violation.self) { try decode([Array(String(repeating: "250-x\r\n", count: 300).utf8)]) }
    }

    @Test func tellsWhatStandsBehindAReply() throws {
        var decoder = SMTPReplyDecoder()
        decoder.append(Array("220 go\r\n2".utf8))
        #expect(try decoder.next()?.code == 220)
        #expect(decoder.hasPending)
    }
}

@Suite struct SMTPCapabilitiesTests {
    @Test func readsKeywordsInAnyCase() {
        let reply = SMTPReply(
            code: 250,
            lines: [
                "mx greets", "starttls", "Auth plain LOGIN", "size 1234", "Pipelining", "8bitmime", "smtpUTF8", "dsn",
                "EnhancedStatusCodes", "chunking",
            ])
        let found = SMTPCapabilities(ehlo: reply)
        #expect(
            found.startTLS && found.pipelining && found.eightBitMIME && found.smtputf8 && found.dsn && found.enhancedStatusCodes
                && found.chunking)
        #expect(found.mechanisms == ["PLAIN", "LOGIN"])
        #expect(found.acceptsSize && found.maximumSize == 1234)
    }

    @Test func theGreetingLineIsNoCapability() {
        #expect(SMTPCapabilities(ehlo: SMTPReply(code: 250, lines: ["PIPELINING"])) == SMTPCapabilities())
    }

    @Test(arguments: ["SIZE", "SIZE 0", "SIZE x"]) func sizeWithoutALimit(line: String) {
        let found = SMTPCapabilities(ehlo: SMTPReply(code: 250, lines: ["mx", line]))
        #expect(found.acceptsSize && found.maximumSize == nil)
    }

    @Test func oldFormOfAuth() {
        #expect(SMTPCapabilities(ehlo: SMTPReply(code: 250, lines: ["mx", "AUTH=LOGIN PLAIN"])).mechanisms == ["PLAIN", "LOGIN"])
    }
}
