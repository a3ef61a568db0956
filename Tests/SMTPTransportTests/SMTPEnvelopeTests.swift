import AdapterKit
import NIOCore
import Testing

@testable import SMTPTransport

@Suite struct SMTPEnvelopeTests {
    private func fault(sender: String = "a@example.com", _ recipients: [String] = ["b@example.com"], _ data: String = "x\r\n") -> MailPhase?
    {
        do {
            _ = try SMTPEnvelope(MailSubmission(sender: sender, recipients: recipients, data: Array(data.utf8), deadline: .distantFuture))
            return nil
        } catch {
            return error.phase
        }
    }

    static let injections = [
        "b@example.com\r\nRCPT TO:<c@example.com>", "b@example.com\n", "b\r@example.com", "b\0@example.com", "b@example.com>",
        "<b@example.com", "b b@example.com",
        "b\t@example.com", "b@example.com\u{7F}", "b@example.com\u{85}", "b\u{A0}@example.com", "b@example.com\u{2028}",
    ]

    @Test(arguments: injections) func refusesInjectedSenders(address: String) { #expect(fault(sender: address) == .mail) }

    @Test(arguments: injections) func refusesInjectedRecipients(address: String) {
        #expect(fault(["ok@example.com", address]) == .rcpt)
    }

    @Test func holdsTheLimitsOfLength() {
        let local = String(repeating: "l", count: 64)
        #expect(fault([local + "@example.com"]) == nil)
        #expect(fault(["l" + local + "@example.com"]) == .rcpt)
        let path = local + "@" + String(repeating: "d", count: 254 - 65)
        #expect(fault([path]) == nil)
        #expect(fault([path + "d"]) == .rcpt)
        #expect(fault(["ü" + String(repeating: "l", count: 63) + "@example.com"]) == .rcpt)
    }

    @Test func theNullSenderIsOneAndNoRecipientIsNone() {
        #expect(fault(sender: "") == nil)
        #expect(fault([""]) == .rcpt)
        #expect(fault([]) == .rcpt)
    }

    @Test(arguments: ["a\nb\r\n", "a\rb\r\n", "\n", "\r", "a\r\n\r", "a\r\r\n"]) func refusesLoneLineBreaks(data: String) {
        #expect(fault(["b@example.com"], data) == .data)
    }

    @Test func countsTheSizeOfRFC1870() throws {
        for (text, size) in [("", 0), ("a\r\n", 3), ("a", 3), (".\r\n", 3)] {
            let mail = MailSubmission(sender: "", recipients: ["b@example.com"], data: Array(text.utf8), deadline: .distantFuture)
            #expect(try SMTPEnvelope(mail).size == size)
        }
    }
}

@Suite struct DotStufferTests {
    private func stuff(_ pieces: [ArraySlice<UInt8>]) -> String {
        var stuffer = DotStuffer()
        var output = ByteBuffer()
        for piece in pieces { Array(piece).withUnsafeBytes { stuffer.append($0, to: &output) } }
        stuffer.finish(to: &output)
        return String(buffer: output)
    }

    @Test(arguments: [
        ("", ".\r\n"), ("a", "a\r\n.\r\n"), ("a\r\n", "a\r\n.\r\n"), (".", "..\r\n.\r\n"), (".\r\n", "..\r\n.\r\n"),
        ("..\r\n", "...\r\n.\r\n"),
        ("a.b\r\n.c\r\n\r\n.\r\n", "a.b\r\n..c\r\n\r\n..\r\n.\r\n"), ("\r\n.", "\r\n..\r\n.\r\n"),
        ("x\r\n.\r\n.\r\n.", "x\r\n..\r\n..\r\n..\r\n.\r\n"),
    ])
    func stuffsAtEverySplit(text: String, stuffed: String) {
        let bytes = Array(text.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count { #expect(stuff([bytes[..<first], bytes[first..<second], bytes[second...]]) == stuffed) }
        }
    }

    @Test func blocksJoinToTheWholeMessage() {
        for size in [0, 1, OutgoingBody.blockBytes - 1, OutgoingBody.blockBytes, OutgoingBody.blockBytes + 1, 3 * OutgoingBody.blockBytes] {
            let data = (0..<size).map { Array(".a\r\n".utf8)[$0 % 4] }
            var body = OutgoingBody(data)
            var output = ByteBuffer()
            while !body.nextBlock(to: &output) {}
            #expect(String(buffer: output) == stuff([data[...]]))
        }
    }
}
