import AdapterKit
import Testing

@testable import EmailAdapter

@Suite struct MIMEEncodingTests {
    @Test(arguments: [
        ("", ""),
        ("plain", "plain"),
        ("a=b", "a=3Db"),
        ("caf\u{E9}", "caf=C3=A9"),
        ("ends in blank \r\nnext\t\r\nlast ", "ends in blank=20\r\nnext=09\r\nlast=20"),
        (String(repeating: "x", count: 76), String(repeating: "x", count: 76)),
        (String(repeating: "x", count: 77), String(repeating: "x", count: 75) + "=\r\nxx"),
        (String(repeating: "x", count: 74) + "=", String(repeating: "x", count: 74) + "=\r\n=3D"),
        (String(repeating: "x", count: 73) + "=", String(repeating: "x", count: 73) + "=3D"),
    ])
    func quotedPrintable(_ text: String, _ expected: String) {
        #expect(String(decoding: MIMEEncoding.quotedPrintable(Array(text.utf8)), as: UTF8.self) == expected)
    }

    @Test func aLoneCarriageReturnIsEncodedLikeAnyByte() {
        #expect(String(decoding: MIMEEncoding.quotedPrintable([0x61, 0x0D, 0x62, 0x0A]), as: UTF8.self) == "a=0Db=0A")
    }

    @Test func everyLineBreakBecomesCRLF() {
        #expect(String(decoding: MIMEEncoding.canonicalLines("a\nb\r\nc\rd\n\n"), as: UTF8.self) == "a\r\nb\r\nc\r\nd\r\n\r\n")
    }

    @Test func base64HasLinesOf76() {
        for count in [0, 1, 56, 57, 58, 114, 1000] {
            let lines = MIMEEncoding.base64([UInt8](repeating: 0xFB, count: count))
            #expect(lines.count == MIMEEncoding.base64Length(of: count))
            let text = String(decoding: lines, as: UTF8.self)
            let parts = text.split(separator: "\r\n")
            #expect(parts.allSatisfy { $0.utf8.count <= 76 })
            #expect(Base64.decode(parts.joined()) == [UInt8](repeating: 0xFB, count: count))
        }
    }

    @Test(arguments: [
        "é", "Offerte № 12 – €\u{A0}1.250,00", String(repeating: "👩‍👩‍👧‍👦", count: 30), String(repeating: "e\u{301}", count: 100),
        "日本語の件名" + String(repeating: "長", count: 80), "a" + String(repeating: "\u{301}", count: 90),
    ])
    func encodedWordsStayShortAndWhole(_ text: String) {
        for used in [9, 30, 62] {
            let words = MIMEEncoding.encodedWords(text, used: used)
            #expect(words.allSatisfy { $0.utf8.count <= 75 })
            #expect(words[0].utf8.count <= (used > 40 ? 75 : 76 - used))
            #expect(words.map { String(decoding: decoded($0), as: UTF8.self) }.joined() == text)
            #expect(words.allSatisfy { String(validating: decoded($0), as: UTF8.self) != nil })
        }
    }

    private func decoded(_ word: String) -> [UInt8] {
        let payload = String(word.dropFirst(10).dropLast(2))
        guard word.hasPrefix("=?UTF-8?Q?") else { return Base64.decode(payload) ?? [] }
        var bytes: [UInt8] = []
        var rest = Array(payload.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == 0x3D {
                bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == 0x5F ? 0x20 : byte)
            }
        }
        return bytes
    }

    @Test(arguments: [
        ("offerte.pdf", ["filename=\"offerte.pdf\""]),
        ("a \"b\" c.pdf", ["filename=\"a \\\"b\\\" c.pdf\""]),
        ("prijs €.pdf", ["filename*=UTF-8''prijs%20%E2%82%AC.pdf"]),
        (
            String(repeating: "é", count: 10),
            ["filename*0*=UTF-8''%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9", "filename*1*=%C3%A9%C3%A9"]
        ),
    ])
    func parameters(_ value: String, _ expected: [String]) {
        #expect(MIMEEncoding.parameter("filename", value) == expected)
    }

    @Test func foldsBeforeBlanksOnly() {
        let text = "one  two   three " + String(repeating: "word ", count: 40) + "end"
        let field = String(decoding: MIMEEncoding.field("Subject", MIMEEncoding.unstructured(text, used: 9)), as: UTF8.self)
        let lines = field.split(separator: "\r\n")
        #expect(lines.count > 2)
        #expect(lines.allSatisfy { $0.utf8.count <= 76 && $0.contains { $0 != " " } })
        #expect(lines.joined() == "Subject: " + text)
    }
}
