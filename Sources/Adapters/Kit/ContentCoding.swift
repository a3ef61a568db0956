// How the content forms stand in JSON: one place for API, rendering and adapters. Every decoder lists all faults.

extension MailContent {
    public var json: JSONValue {
        var object: [String: JSONValue] = ["subject": .string(subject)]
        if let text { object["text"] = .string(text) }
        if let html { object["html"] = .string(html) }
        if !attachments.isEmpty { object["attachments"] = .array(attachments.map(\.json)) }
        if !headers.isEmpty { object["headers"] = .object(headers.mapValues(JSONValue.string)) }
        return .object(object)
    }

    public init(json: JSONValue, path: String = "content") throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let subject = reader.string("subject", required: true) ?? ""
        let text = reader.string("text", allowBlank: true)
        let html = reader.string("html", allowBlank: true)
        let attachments = reader.list("attachments") { (json: JSONValue, path: String) throws(Faults) in
            try Attachment(json: json, path: path)
        }
        var headers: [String: String] = [:]
        for (name, value) in reader.object("headers") ?? [:] {
            if let text = value.stringValue { headers[name] = text } else { reader.fault("headers.\(name)", "must be a string") }
        }
        if text == nil, html == nil { reader.fault("text", "an e-mail needs text or html") }
        try reader.finish()
        self.init(subject: subject, text: text, html: html, attachments: attachments ?? [], headers: headers)
    }
}

extension ChatContent {
    public var json: JSONValue {
        switch self {
        case .text(let text): return ["text": .string(text)]
        case .template(let template):
            return [
                "template": ["name": .string(template.name), "language": .string(template.language), "components": template.components]
            ]
        case .document(let file, let caption):
            var object = file.json.objectValue ?? [:]
            if let caption { object["caption"] = .string(caption) }
            return ["document": .object(object)]
        }
    }

    public init(json: JSONValue, path: String = "content") throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let text = reader.string("text", allowBlank: true)
        let template = reader.value("template").flatMap(\.unlessNull)
        let document = reader.value("document").flatMap(\.unlessNull)
        if [text != nil, template != nil, document != nil].count(where: { $0 }) != 1 {
            reader.fault(nil, "must have exactly one of text, template and document")
        }
        try reader.finish()
        if let text {
            self = .text(text)
        } else if let template {
            var inner = try ObjectReader(template, path: path + ".template")
            let name = inner.string("name", required: true)
            let language = inner.string("language", required: true)
            let components = inner.value("components") ?? .array([])
            if components.arrayValue == nil { inner.fault("components", "must be an array") }
            try inner.finish()
            self = .template(ChatTemplate(name: name ?? "", language: language ?? "", components: components))
        } else {
            let object = document ?? .null
            let caption = object["caption"]?.stringValue
            if let given = object["caption"]?.unlessNull, given.stringValue == nil {
                throw Faults([Fault(path + ".document.caption", "must be a string")])
            }
            var bare = object.objectValue ?? [:]
            bare["caption"] = nil
            self = .document(
                try Attachment(json: object.objectValue == nil ? object : .object(bare), path: path + ".document"), caption: caption)
        }
    }
}

extension DataContent {
    public var json: JSONValue { ["type": .string(type), "data": data] }

    public init(json: JSONValue, path: String = "content") throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let type = reader.string("type", required: true, maximum: 200) ?? ""
        let data = reader.value("data")
        if data == nil { reader.fault("data", "is required") }
        // The gateway adds the time of acceptance to what is stored; a stored object is read back with it.
        _ = reader.value("timestamp")
        try reader.finish()
        self.init(type: type, data: data ?? .null)
    }
}

extension Attachment {
    public var json: JSONValue {
        ["filename": .string(filename), "contentType": .string(contentType), "contentBase64": .string(Base64.encode(bytes))]
    }

    public init(json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let filename = reader.string("filename", required: true, maximum: 255)
        if let reason = filename.flatMap(Self.fault(ofName:)) { reader.fault("filename", reason) }
        let contentType = reader.string("contentType", required: true, maximum: 255)
        if let reason = contentType.flatMap(Self.fault(ofType:)) { reader.fault("contentType", reason) }
        let encoded = reader.string("contentBase64", required: true, allowBlank: true) ?? ""
        let bytes = Base64.decode(encoded)
        if bytes == nil { reader.fault("contentBase64", "is not base64") }
        try reader.finish()
        self.init(filename: filename ?? "", contentType: contentType ?? "", bytes: bytes ?? [])
    }
}
