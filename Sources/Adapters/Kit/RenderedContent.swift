/// The content of one delivery as it was rendered, once, when the delivery was planned: a JSON object, kept byte for byte.
///
/// Core and stores never look inside. A channel's descriptor says which form its content has; adapters decode that form.
public struct RenderedContent: Hashable, Sendable {
    /// The JSON object in UTF-8.
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init(_ json: JSONValue) { self.bytes = json.bytes }

    /// The object as a value.
    public func json() throws(JSONError) -> JSONValue { try JSONValue(parsing: bytes) }
}

/// The shape of what a channel sends; rendering fills it, adapters read it.
public enum ContentForm: String, Hashable, Sendable, CaseIterable {
    /// `{subject, text?, html?, attachments?, headers?}`, see `MailContent`.
    case mail
    /// `{text}`, `{template}` or `{document}`, see `ChatContent`.
    case chat
    /// `{type, data}`, see `DataContent`.
    case data
}

/// A fault that makes content undeliverable on a channel, found before anything is sent.
public typealias ContentFault = Fault

/// A file that goes along.
public struct Attachment: Hashable, Sendable {
    public var filename: String
    public var contentType: String
    public var bytes: [UInt8]

    public init(filename: String, contentType: String, bytes: [UInt8]) {
        self.filename = filename
        self.contentType = contentType
        self.bytes = bytes
    }
}

/// What an e-mail says.
public struct MailContent: Hashable, Sendable {
    public var subject: String
    public var text: String?
    public var html: String?
    public var attachments: [Attachment]
    /// Further headers by name; structural ones are refused by the adapter.
    public var headers: [String: String]

    public init(subject: String, text: String? = nil, html: String? = nil, attachments: [Attachment] = [], headers: [String: String] = [:])
    {
        self.subject = subject
        self.text = text
        self.html = html
        self.attachments = attachments
        self.headers = headers
    }
}

/// What a chat message says: exactly one of the three.
public enum ChatContent: Hashable, Sendable {
    case text(String)
    case template(ChatTemplate)
    case document(Attachment, caption: String?)
}

/// A message template that the provider knows by name.
public struct ChatTemplate: Hashable, Sendable {
    public var name: String
    public var language: String
    /// The provider's own component list, already filled in.
    public var components: JSONValue

    public init(name: String, language: String, components: JSONValue = .array([])) {
        self.name = name
        self.language = language
        self.components = components
    }
}

/// What a program is told: an event type and its data.
public struct DataContent: Hashable, Sendable {
    public var type: String
    public var data: JSONValue

    public init(type: String, data: JSONValue) {
        self.type = type
        self.data = data
    }
}
