import AdapterKit
import Testing

@testable import EmailAdapter

@Suite struct EmailAddressTests {
    @Test(
        arguments: [
            ("jan@example.nl", nil, "jan@example.nl"),
            ("  Jan.de.Vries@EXAMPLE.nl ", nil, "jan.de.vries@example.nl"),
            ("Example <Hello@Example.nl>", "Example", "hello@example.nl"),
            ("<hello@example.nl>", nil, "hello@example.nl"),
            ("\"Bakker, Jan \\\"JB\\\"\" <jan@example.nl>", "Bakker, Jan \"JB\"", "jan@example.nl"),
            ("Café de Kroon 🍻 <info@kroon.example>", "Café de Kroon 🍻", "info@kroon.example"),
            ("o'brien+tag@sub.example.co.uk", nil, "o'brien+tag@sub.example.co.uk"),
            ("\"jan\"@example.nl", nil, "jan@example.nl"),
            ("\"jan de vries\"@example.nl", nil, "\"jan de vries\"@example.nl"),
            ("\"a@b\"@example.nl", nil, "\"a@b\"@example.nl"),
            ("用户@例子.广告", nil, "用户@例子.广告"),
            ("Jörg@MÜNCHEN.example", nil, "jörg@münchen.example"),
            ("a@xn--mnchen-3ya.de", nil, "a@xn--mnchen-3ya.de"),
            ("root@localhost", nil, "root@localhost"),
        ] as [(String, String?, String)])
    func reads(_ text: String, name: String?, canonical: String) throws {
        let address = try EmailAddress(text)
        #expect(address.displayName == name)
        #expect(address.canonical == canonical)
        #expect(try EmailAddress(address.canonical).canonical == canonical)
        #expect(try EmailAdapter.endpoint(from: text) == Endpoint(channel: .email, address: canonical))
    }

    @Test(arguments: [
        "", " ", "jan", "jan@", "@example.nl", "jan@gmail", "jan@@example.nl", "jan@example..nl", "jan@.example.nl", "jan@example.nl.",
        "jan@-example.nl", "jan@example-.nl", "jan@exa_mple.nl", "jan@exa mple.nl", "jan de vries@example.nl", "jan@192.0.2.1",
        "jan@[192.0.2.1]",
        ".jan@example.nl", "jan.@example.nl", "ja..n@example.nl", "jan(work)@example.nl", "jan,piet@example.nl", "a@b.nl, c@d.nl",
        "a@b.nl, Jan <c@d.nl>", "Jan <c@d.nl", "c@d.nl>", "Jan <<c@d.nl>>", "Jan <c@d.nl> <e@f.nl>", "\"open <a@b.nl>", "\"a\"b@example.nl",
        "\"a\\\"@example.nl",
        "jan@example.nl\r\nBcc: evil@example.org", "jan\n@example.nl", "jan@example.nl\n", "jan\0@example.nl", "Ja\rn <jan@example.nl>",
        "jan\u{7F}@example.nl",
        "jan\u{202E}@example.nl", "jan\u{A0}@example.nl", "jan\u{200B}@example.nl", "jan@example.n l", "jan@exa\u{301}\u{2028}mple.nl",
    ])
    func refuses(_ text: String) {
        #expect(throws: EndpointError.self) { try EmailAddress(text) }
    }

    @Test func holdsTheLimitsOfRFC5321() throws {
        let local = String(repeating: "l", count: 64)
        let label = String(repeating: "d", count: 63)
        #expect(throws: Never.self) { try EmailAddress("\(local)@\(label).nl") }
        #expect(throws: EndpointError.self) { try EmailAddress("l\(local)@\(label).nl") }
        #expect(throws: EndpointError.self) { try EmailAddress("a@d\(label).nl") }
        // 254 bytes altogether are the most, and one more is too many.
        let most = "a@\(label).\(label).\(label).\(String(repeating: "d", count: 57)).nl"
        #expect(most.utf8.count == 254)
        #expect(throws: Never.self) { try EmailAddress(most) }
        #expect(throws: EndpointError.self) { try EmailAddress("b" + most) }
    }

    @Test func neverShowsItself() throws {
        #expect(!"\(try EmailAddress("Jan <jan@example.nl>"))".contains("jan"))
    }
}
