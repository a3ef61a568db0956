import AdapterKit
import Signing
import Testing

@testable import EmailAdapter

@Suite struct DKIMSignerTests {
    /// The private key of RFC 8463, appendix A.2, which is that of RFC 8032, section 7.1, test 1.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
        -----END PRIVATE KEY-----
        """

    private static func signer() throws -> DKIMSigner {
        DKIMSigner(domain: "football.example.com", selector: "brisbane", key: try SigningKey(pem: key))
    }

    /// The message of RFC 8463, appendix A.3.
    private static let message = bytes(
        """
        From: Joe SixPack <joe@football.example.com>
        To: Suzie Q <suzie@shopping.example.net>
        Subject: Is dinner ready?
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
        Message-ID: <20030712040037.46341.5F8J@football.example.com>

        Hi.

        We lost the game.  Are you hungry yet?

        Joe.

        """)

    private static func bytes(_ text: String) -> [UInt8] { Array(text.replacing("\n", with: "\r\n").utf8) }

    @Test func signsAsTheStandardsExample() throws {
        let (fields, body) = DKIMCanonical.parts(of: Self.message)
        #expect(fields.map(\.name) == ["from", "to", "subject", "date", "message-id"])
        #expect(Base64.encode(SHA256.digest(DKIMCanonical.body(body))) == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=")
        let unsigned = Self.bytes(
            """
            DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
             d=football.example.com; i=@football.example.com;
             q=dns/txt; s=brisbane; t=1528637909; h=from : to :
             subject : date : message-id : from : subject : date;
             bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
             b=
            """)
        let names = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"]
        let signature = try Self.signer().sign(fields, names: names, unsigned: unsigned)
        #expect(
            Base64.encode(signature)
                == "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==")
    }

    @Test func namesWhatItSignsAndFoldsIt() throws {
        let field = String(decoding: try Self.signer().field(for: Self.message, at: Timestamp(seconds: 1_528_637_909)), as: UTF8.self)
        #expect(field.hasPrefix("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;"))
        let tags = field.replacing("\r\n", with: "").replacing(" ", with: "").split(separator: ";")
        #expect(tags.contains("d=football.example.com"))
        #expect(tags.contains("s=brisbane"))
        #expect(tags.contains("t=1528637909"))
        #expect(tags.contains("h=from:from:to:subject:date:message-id"))
        #expect(tags.contains("bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="))
        #expect(field.hasSuffix("\r\n"))
        #expect(field.dropLast().split(separator: "\r\n").allSatisfy { $0.utf8.count <= 76 })
    }

    @Test func theSameMessageGetsTheSameSignature() throws {
        let time = Timestamp(seconds: 1)
        #expect(try Self.signer().field(for: Self.message, at: time) == Self.signer().field(for: Self.message, at: time))
    }

    /// RFC 6376, section 3.4.5 among them.
    @Test(arguments: [
        (" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n"), ("", ""), ("\r\n\r\n", ""), ("a", "a\r\n"), ("a \t\r\n", "a\r\n"),
        ("\r\na\r\n\r\nb\r\n", "\r\na\r\n\r\nb\r\n"), (" \r\n\t\r\n", ""), ("a\r\n \r\n", "a\r\n"),
    ])
    func relaxesBodies(_ body: String, _ relaxed: String) {
        #expect(String(decoding: DKIMCanonical.body(Array(body.utf8)[...]), as: UTF8.self) == relaxed)
    }

    @Test(arguments: [
        ("A: X\r\n", "a:X"), ("B : Y\t\r\n\tZ  \r\n", "b:Y Z"), ("Subject:\r\n one\r\n  two\r\n", "subject:one two"),
        ("X-Empty:\r\n", "x-empty:"),
        ("To: \u{7528}@x\r\n", "to:\u{7528}@x"),
    ])
    func relaxesHeaders(_ field: String, _ relaxed: String) {
        #expect(String(decoding: DKIMCanonical.Field(field.utf8).canonical, as: UTF8.self) == relaxed)
    }

    @Test func everyKeySignsTheMailItself() async throws {
        let script = MailScript(Fixture.accepted)
        var settings = Fixture.settings.objectValue ?? [:]
        settings["dkim"] = [
            ["domain": "example.nl", "selector": "one", "key": .string(Self.key)],
            ["domain": "Example.NL", "selector": "two", "key": .string(Self.key)],
        ]
        let adapter = try Fixture.adapter(script, .object(settings))
        for _ in 1...2 { _ = try await adapter.deliver(Fixture.request(["subject": "s", "text": "t"])) }
        let sent = script.submissions.map { String(decoding: $0.mail.data, as: UTF8.self) }
        #expect(sent[0] == sent[1])
        #expect(sent[0].hasPrefix("DKIM-Signature: "))
        #expect(sent[0].ranges(of: "DKIM-Signature: ").count == 2)
        #expect(sent[0].contains(" s=one;") && sent[0].contains(" s=two;") && sent[0].contains(" d=example.nl;"))
        // Both are over the message alone, so that either holds without the other.
        let plain = MailScript(Fixture.accepted)
        _ = try await Fixture.adapter(plain).deliver(Fixture.request(["subject": "s", "text": "t"]))
        #expect(sent[0].hasSuffix(String(decoding: plain.submissions[0].mail.data, as: UTF8.self)))
    }
}
