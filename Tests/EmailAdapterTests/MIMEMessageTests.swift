import AdapterKit
import GatewayTestKit
import Testing

@testable import EmailAdapter

@Suite struct MIMEMessageTests {
    private func text(_ content: MailContent, from: String = "Example <hello@example.nl>", to: String = "jan@example.nl") throws -> String {
        String(decoding: try Fixture.message(content, from: from, to: to).bytes, as: UTF8.self)
    }

    @Test func plainTextIsOnePart() throws {
        #expect(
            try text(MailContent(subject: "Uw offerte", text: "Beste Jan,\n\nHier is €1.\n"))
                == """
                Date: Sun, 01 Mar 2026 09:30:05 +0000
                From: Example <hello@example.nl>
                To: jan@example.nl
                Message-ID: <0195d5a0-0000-7000-8000-000000000001@example.nl>
                Subject: Uw offerte
                Auto-Submitted: auto-generated
                MIME-Version: 1.0
                Content-Type: text/plain; charset=utf-8
                Content-Transfer-Encoding: quoted-printable

                Beste Jan,

                Hier is =E2=82=AC1.

                """.replacing("\n", with: "\r\n"))
    }

    @Test func textStandsBeforeHTMLAndFilesAfterBoth() throws {
        let file = AdapterKit.Attachment(filename: "offerte-12.pdf", contentType: "application/pdf", bytes: Array("%PDF".utf8))
        let message = try text(MailContent(subject: "s", text: "tekst", html: "<p>html</p>", attachments: [file]))
        let body = try #require(message.firstRange(of: "Content-Type: multipart/mixed"))
        #expect(
            message[body.lowerBound...]
                == """
                Content-Type: multipart/mixed;
                 boundary="=_0195d5a0000070008000000000000001.0"

                --=_0195d5a0000070008000000000000001.0
                Content-Type: multipart/alternative;
                 boundary="=_0195d5a0000070008000000000000001.1"

                --=_0195d5a0000070008000000000000001.1
                Content-Type: text/plain; charset=utf-8
                Content-Transfer-Encoding: quoted-printable

                tekst
                --=_0195d5a0000070008000000000000001.1
                Content-Type: text/html; charset=utf-8
                Content-Transfer-Encoding: quoted-printable

                <p>html</p>
                --=_0195d5a0000070008000000000000001.1--
                --=_0195d5a0000070008000000000000001.0
                Content-Type: application/pdf
                Content-Transfer-Encoding: base64
                Content-Disposition: attachment; filename="offerte-12.pdf"

                JVBERg==
                --=_0195d5a0000070008000000000000001.0--

                """.replacing("\n", with: "\r\n"))
    }

    @Test func theSameRequestGivesTheSameBytes() throws {
        let content = MailContent(
            subject: "€", text: "t", html: "h", attachments: [AdapterKit.Attachment(filename: "a", contentType: "text/csv", bytes: [1])],
            headers: ["X-B": "2", "X-A": "1", "List-Id": "<l.example>"])
        #expect(try text(content) == text(content))
    }

    @Test func contentThatHoldsTheBoundaryEndsNoPart() throws {
        let line = "--=_0195d5a0000070008000000000000001.0"
        let file = AdapterKit.Attachment(filename: "\(line).txt", contentType: "text/plain; x=\"\(line)\"", bytes: Array(line.utf8))
        let message = try text(MailContent(subject: line, text: "\(line)\n\(line)--\n", attachments: [file]))
        let ends = message.split(separator: "\r\n").filter { $0.hasPrefix(line) }
        #expect(ends == ["\(line)", "\(line)", "\(line)--"])
    }

    @Test(arguments: [
        ("Example <a@b.nl>", "From: Example <a@b.nl>"),
        ("a@b.nl", "From: a@b.nl"),
        ("J. Jansen & Zn. <a@b.nl>", "From: \"J. Jansen & Zn.\" <a@b.nl>"),
        ("\"Jansen, Jan\" <a@b.nl>", "From: \"Jansen, Jan\" <a@b.nl>"),
        ("Café <a@b.nl>", "From: =?UTF-8?Q?Caf=C3=A9?= <a@b.nl>"),
        ("=?UTF-8?Q?x?= <a@b.nl>", "From: =?UTF-8?Q?=3D=3FUTF-8=3FQ=3Fx=3F=3D?= <a@b.nl>"),
    ])
    func namesAreQuotedOrEncoded(_ from: String, _ header: String) throws {
        #expect(try text(MailContent(subject: "s", text: "t"), from: from).contains("\r\n\(header)\r\n"))
    }

    @Test func headersInOtherScriptsAreEncodedAndAddressesAreNot() throws {
        let message = try text(
            MailContent(
                subject: "Größe", text: "t", headers: ["Reply-To": "Jörg <jorg@example.nl>", "X-Note": "naïef", "X-Entity-Ref-ID": "q-1"]),
            to: "用户@例子.广告")
        #expect(message.contains("\r\nTo: 用户@例子.广告\r\n"))
        #expect(message.contains("\r\nSubject: =?UTF-8?Q?Gr=C3=B6=C3=9Fe?=\r\n"))
        #expect(message.contains("\r\nReply-To: =?UTF-8?Q?J=C3=B6rg?= <jorg@example.nl>\r\n"))
        #expect(message.contains("\r\nX-Note: =?UTF-8?Q?na=C3=AFef?=\r\n"))
        #expect(message.contains("\r\nX-Entity-Ref-ID: q-1\r\n"))
    }

    @Test func aFilenameInAnotherScriptComesWithAFallback() throws {
        let file = AdapterKit.Attachment(filename: "prijs €.pdf", contentType: "application/pdf", bytes: [])
        let message = try text(MailContent(subject: "s", text: "t", attachments: [file]))
        #expect(
            message.contains(
                "Content-Disposition: attachment; filename*=UTF-8''prijs%20%E2%82%AC.pdf;\r\n filename=\"prijs _.pdf\"\r\n\r\n\r\n--=_"))
    }

    @Test func textIsMadeFromHTMLWhenNoneIsGiven() throws {
        for given in [nil, "", " \n"] as [String?] {
            let message = try text(
                MailContent(
                    subject: "s", text: given, html: "<p>Hallo <b>Jan</b></p><p><a href=\"https://e.nl/q?a=1&amp;b=2\">Offerte</a></p>"))
            #expect(message.contains("\r\n\r\nHallo Jan\r\n\r\nOfferte (https://e.nl/q?a=3D1&b=3D2)\r\n--=_"))
        }
    }

    /// Every kind of content keeps to the line limits and to seven bits, and its size was foreseen.
    @Test func everyLineIsShortAndSevenBitClean() throws {
        var random = Dice(seed: 7)
        for _ in 0..<200 {
            let content = random.content()
            let bytes = try Fixture.message(content).bytes
            #expect(MailContentRules.faults(of: content) == [])
            #expect(bytes.allSatisfy { $0 < 0x80 && $0 != 0 })
            #expect(bytes.suffix(2) == [0x0D, 0x0A])
            var column = 0
            var previous: UInt8 = 0
            for byte in bytes {
                #expect((byte == 0x0A) == (previous == 0x0D && byte == 0x0A), "a bare line feed")
                if previous == 0x0D { #expect(byte == 0x0A, "a bare carriage return") }
                column = byte == 0x0A ? 0 : column + 1
                if column > 77 { Issue.record("a line of more than 76 characters") }
                previous = byte
            }
            #expect(bytes.count <= MIMEMessage.size(of: content))
        }
    }
}
