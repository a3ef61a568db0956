import AdapterKit
import Testing

@testable import EmailAdapter

@Suite struct MailContentRulesTests {
    private func paths(_ content: MailContent) -> [String] { MailContentRules.faults(of: content).map(\.path) }

    @Test(arguments: ["a\r\nBcc: evil@example.org", "a\nb", "a\rb", "a\0b", "a\u{1B}b", "a\u{7F}b", "a\tb"])
    func breaksOutOfNoHeader(_ value: String) {
        let file = AdapterKit.Attachment(filename: value, contentType: value, bytes: [])
        let faults = paths(MailContent(subject: value, text: "t", attachments: [file], headers: ["X-Note": value, "Reply-To": value]))
        #expect(
            Set(faults) == [
                "content.subject", "content.attachments[0].filename", "content.attachments[0].contentType", "content.headers.X-Note",
                "content.headers.Reply-To",
            ])
    }

    @Test(arguments: [
        "From", "to", "CC", "Bcc", "Sender", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "content-transfer-encoding",
        "Received", "Return-Path",
        "DKIM-Signature", "Auto-Submitted", "Resent-To", "ARC-Seal", "Authentication-Results", "", "X Note", "X-Note:", "X-Nöte",
        "X-\r\nBcc",
    ])
    func refusesTheHeader(_ name: String) {
        #expect(paths(MailContent(subject: "s", text: "t", headers: [name: "v"])) == ["content.headers"])
    }

    @Test func takesOtherHeaders() {
        let headers = [
            "Reply-To": "Jan <jan@example.nl>", "X-Entity-Ref-ID": "1", "List-Unsubscribe": "<https://e.nl/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Note": "naïef", "Feedback-ID": "a:b:c:d", "In-Reply-To": "<a@b>",
        ]
        #expect(paths(MailContent(subject: "", text: "t", headers: headers)) == [])
    }

    @Test func structuredHeadersKeepToTheirGrammar() {
        let long = String(repeating: "x", count: 1000)
        let faults = paths(
            MailContent(
                subject: "s", text: "t", headers: ["Reply-To": "no address", "List-Id": "naïef", "References": long, "X-Note": long]))
        #expect(faults == ["content.headers.List-Id", "content.headers.References", "content.headers.Reply-To"])
        #expect(paths(MailContent(subject: "s", text: "t", headers: ["X-Note": "1", "x-note": "2"])) == ["content.headers.x-note"])
    }

    @Test(arguments: [
        ("application/pdf", true), ("text/csv; charset=utf-8", true), ("text/plain; name=\"a b\"", true), ("pdf", false), ("", false),
        ("a/b/c", false),
        ("application /pdf", false), ("message/rfc822", false), ("Multipart/mixed", false), ("text/plain; charset", false),
        ("text/plain;", false),
        ("text/plain; x=\"a\"b\"", false), ("text/plain; x=é", false),
    ])
    func mediaTypes(_ type: String, isFine: Bool) {
        let file = AdapterKit.Attachment(filename: "f", contentType: type, bytes: [])
        #expect(paths(MailContent(subject: "s", text: "t", attachments: [file])) == (isFine ? [] : ["content.attachments[0].contentType"]))
    }

    @Test(arguments: ["../etc/passwd", "a/b.pdf", "a\\b.pdf"])
    func filenamesNameNoFolder(_ name: String) {
        let file = AdapterKit.Attachment(filename: name, contentType: "application/pdf", bytes: [])
        #expect(paths(MailContent(subject: "s", text: "t", attachments: [file])) == ["content.attachments[0].filename"])
    }

    @Test func twentyFiveMebibytesAreTheMost() {
        func file(_ count: Int) -> AdapterKit.Attachment {
            AdapterKit.Attachment(filename: "f", contentType: "application/pdf", bytes: [UInt8](repeating: 0, count: count))
        }
        #expect(MailContentRules.fault(ofSize: MailContent(subject: "s", text: "t", attachments: [file(18 << 20)])) == nil)
        #expect(
            MailContentRules.fault(ofSize: MailContent(subject: "s", text: "t", attachments: [file(10 << 20), file(9 << 20)]))?.path
                == "content")
    }
}
