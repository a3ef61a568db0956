import AdapterKit
import GatewayTestKit

/// Awkward mails.
extension Dice {
    private static let bits = [
        "a", "Offerte ", "é", "e\u{301}", "€", " ", "=", "?", "=?UTF-8?Q?x?=", "_", "\"", "\\", "👩‍👩‍👧‍👦", "🇳🇱", "長い", "אב", ".", ",", ";", "<",
        ">", "@", "(",
        "word word word ", "x-long-word-without-blanks-", "From ", "--", "\u{2028}", "ß", "\u{10FFFD}",
    ]

    mutating func line(_ most: Int) -> String {
        (0..<Int.random(in: 0...most, using: &self)).map { _ in Self.bits.randomElement(using: &self)! }.joined()
    }

    mutating func text() -> String {
        (0..<Int.random(in: 0...12, using: &self)).map { _ in line(40) + ["\n", "\r\n", "\r", " \n", "\t\n"].randomElement(using: &self)! }
            .joined() + line(5)
    }

    mutating func content() -> MailContent {
        var attachments: [AdapterKit.Attachment] = []
        for _ in 0..<Int.random(in: 0...2, using: &self) {
            let name = "f" + String(line(20).filter { $0 != "/" && $0 != "\\" }) + ".pdf"
            let count = Int.random(in: 0...400, using: &self)
            attachments.append(
                AdapterKit.Attachment(
                    filename: name, contentType: "application/pdf", bytes: (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) })
            )
        }
        let html = Bool.random(using: &self) ? "<p>" + text() + "</p>" : nil
        return MailContent(
            subject: line(30), text: html == nil || Bool.random(using: &self) ? text() : nil, html: html, attachments: attachments,
            headers: Bool.random(using: &self) ? ["X-Note": line(20), "Reply-To": "\"Ja, né\" <r@example.nl>"] : [:])
    }
}
