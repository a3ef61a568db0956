import AdapterKit
import Testing

/// The content forms in JSON and back.
@Suite struct ContentCodingTests {
    private static let file = Attachment(filename: "offerte.pdf", contentType: "application/pdf", bytes: [0x25, 0x50, 0x44, 0x46, 0, 255])

    @Test(arguments: [
        MailContent(subject: "S", text: "t"), MailContent(subject: " é", html: "<p>h</p>"),
        MailContent(subject: "S", text: "", html: "<p>h</p>", attachments: [file, file], headers: ["X-A": "1", "X-B": ""]),
    ])
    func mail(content: MailContent) throws {
        #expect(try MailContent(json: content.json) == content)
        #expect(try MailContent(json: RenderedContent(content.json).json()) == content)
    }

    @Test(arguments: [
        ChatContent.text("hoi"), .text(""), .template(ChatTemplate(name: "n", language: "nl", components: [["type": "body"]])),
        .template(ChatTemplate(name: "n", language: "en_GB")), .document(file, caption: "c"), .document(file, caption: nil),
    ])
    func chat(content: ChatContent) throws { #expect(try ChatContent(json: content.json) == content) }

    @Test(arguments: [
        DataContent(type: "quote.sent", data: ["a": 1]), DataContent(type: "x", data: nil), DataContent(type: "x", data: [1, "b"]),
    ])
    func data(content: DataContent) throws {
        #expect(try DataContent(json: content.json) == content)
        var stored = content.json.objectValue ?? [:]
        stored["timestamp"] = "2026-03-01T09:30:00.000Z"
        #expect(try DataContent(json: .object(stored)) == content)
    }

    @Test func everyFaultIsListed() {
        func faults(_ read: () throws(Faults) -> Void) -> [String] {
            do { try read() } catch { return error.list.map { "\($0.path) \($0.message)" } }
            return []
        }
        let file: JSONValue = ["filename": "a/b", "contentType": "b", "contentBase64": "x", "size": 1]
        #expect(
            faults { () throws(Faults) in _ = try MailContent(json: ["attachments": [file], "headers": ["X": 1], "body": "x"]) } == [
                "content.subject is required", "content.attachments[0].filename must be a name without a folder",
                "content.attachments[0].contentType must be a media type such as application/pdf",
                "content.attachments[0].contentBase64 is not base64",
                "content.attachments[0].size is unknown",
                "content.headers.X must be a string", "content.text an e-mail needs text or html", "content.body is unknown",
            ])
        for json: JSONValue in [[:], ["text": "a", "document": [:]], ["text": nil, "template": nil]] {
            #expect(
                faults { () throws(Faults) in _ = try ChatContent(json: json) } == [
                    "content must have exactly one of text, template and document"
                ])
        }
        #expect(
            faults { () throws(Faults) in _ = try ChatContent(json: ["template": ["components": "x"]]) } == [
                "content.template.name is required", "content.template.language is required",
                "content.template.components must be an array",
            ])
        #expect(faults { () throws(Faults) in _ = try ChatContent(json: ["document": 7]) } == ["content.document must be an object"])
        #expect(faults { () throws(Faults) in _ = try DataContent(json: [:]) } == ["content.type is required", "content.data is required"])
    }

    @Test func aCaptionIsText() {
        var json = ChatContent.document(Self.file, caption: nil).json["document"]?.objectValue ?? [:]
        json["caption"] = 7
        #expect(throws: Faults([Fault("content.document.caption", "must be a string")])) {
            try ChatContent(json: ["document": .object(json)])
        }
    }

    @Test func endpointsKeepTheirAddressToThemselves() {
        let endpoint = Endpoint(channel: "EMAIL", address: "jan@x.nl")
        #expect(endpoint.channel == .email)
        #expect("\(endpoint)" == "email:‹address›")
    }
}
