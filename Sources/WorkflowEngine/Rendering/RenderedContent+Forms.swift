public import AdapterKit

/// The stored forms of content, as callers and adapters spell them.
extension RenderedContent {
    /// `{subject, text?, html?, attachments?, headers?}`.
    public init(_ mail: MailContent) {
        var members: [String: JSONValue] = ["subject": .string(mail.subject)]
        members["text"] = mail.text.map(JSONValue.string)
        members["html"] = mail.html.map(JSONValue.string)
        if !mail.attachments.isEmpty { members["attachments"] = .array(mail.attachments.map(\.json)) }
        if !mail.headers.isEmpty { members["headers"] = .object(mail.headers.mapValues(JSONValue.string)) }
        self.init(JSONValue.object(members))
    }

    /// `{text}`, `{template: {name, language, components}}` or `{document: {filename, contentType, contentBase64, caption?}}`.
    public init(_ chat: ChatContent) {
        switch chat {
        case .text(let text): self.init(JSONValue.object(["text": .string(text)]))
        case .template(let template):
            let members: JSONValue = [
                "name": .string(template.name), "language": .string(template.language), "components": template.components,
            ]
            self.init(JSONValue.object(["template": members]))
        case .document(let file, let caption):
            let captioned: [String: JSONValue] = caption.map { ["caption": .string($0)] } ?? [:]
            self.init(JSONValue.object(["document": file.json.merging(.object(captioned))]))
        }
    }

    /// `{type, data}`.
    public init(_ data: DataContent) {
        self.init(JSONValue.object(["type": .string(data.type), "data": data.data]))
    }
}

extension Attachment {
    fileprivate var json: JSONValue {
        ["filename": .string(filename), "contentType": .string(contentType), "contentBase64": .string(Base64.encode(bytes))]
    }
}
