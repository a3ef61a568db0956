import AdapterKit

/// What the Cloud API demands of a message request: the shapes of text, template and document.
enum CloudRequestCheck {
    /// The first thing that is wrong, or `nil`.
    static func fault(in request: JSONValue) -> GraphError? {
        guard request.objectValue != nil else { return invalid("The body must be a JSON object") }
        guard request["messaging_product"]?.stringValue == "whatsapp" else { return invalid("messaging_product must be whatsapp") }
        if let type = request["recipient_type"], type.stringValue != "individual" { return invalid("recipient_type must be individual") }
        guard let to = request["to"]?.stringValue else { return GraphError(131_008, details: "to is required") }
        guard isNumber(to) else { return invalid("to must be a telephone number") }
        if let data = request["biz_opaque_callback_data"] {
            guard let text = data.stringValue, text.count <= 512 else {
                return invalid("biz_opaque_callback_data has at most 512 characters")
            }
        }
        if let context = request["context"], context["message_id"]?.stringValue == nil { return invalid("context needs message_id") }
        switch request["type"]?.stringValue ?? "text" {
        case "text": return text(request["text"])
        case "template": return template(request["template"])
        case "document": return document(request["document"])
        default: return GraphError(131_051, details: "Unsupported message type")
        }
    }

    private static func invalid(_ details: String) -> GraphError { GraphError(100, details: details) }

    private static func isNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
        return (7...15).contains(digits.count) && digits.allSatisfy { ("0"..."9").contains($0) }
    }

    private static func text(_ text: JSONValue?) -> GraphError? {
        guard let body = text?["body"]?.stringValue, !body.isEmpty else { return invalid("text needs body") }
        guard body.count <= 4096 else { return invalid("text.body has at most 4096 characters") }
        if let preview = text?["preview_url"], preview.boolValue == nil { return invalid("text.preview_url must be a boolean") }
        return nil
    }

    private static func document(_ document: JSONValue?) -> GraphError? {
        let sources = ["id", "link"].compactMap { document?[$0]?.stringValue }
        guard sources.count == 1, sources[0].isEmpty == false else { return invalid("document needs either id or link") }
        if let caption = document?["caption"] {
            guard let text = caption.stringValue, text.count <= 1024 else { return invalid("document.caption has at most 1024 characters") }
        }
        if let name = document?["filename"], name.stringValue == nil { return invalid("document.filename must be a string") }
        return nil
    }

    private static func template(_ template: JSONValue?) -> GraphError? {
        guard let name = template?["name"]?.stringValue, !name.isEmpty else { return invalid("template needs name") }
        guard let code = template?["language"]?["code"]?.stringValue, !code.isEmpty else { return invalid("template needs language.code") }
        guard let components = template?["components"] else { return nil }
        guard let list = components.arrayValue else { return invalid("template.components must be an array") }
        for component in list {
            if let fault = self.component(component) { return fault }
        }
        return nil
    }

    private static func component(_ component: JSONValue) -> GraphError? {
        guard let type = component["type"]?.stringValue?.lowercased(), ["header", "body", "button"].contains(type) else {
            return invalid("a component's type is header, body or button")
        }
        if type == "button", component["sub_type"]?.stringValue == nil || component["index"] == nil {
            return invalid("a button needs sub_type and index")
        }
        guard let parameters = component["parameters"] else { return nil }
        guard let list = parameters.arrayValue else { return invalid("parameters must be an array") }
        for parameter in list {
            if let fault = self.parameter(parameter) { return fault }
        }
        return nil
    }

    private static func parameter(_ parameter: JSONValue) -> GraphError? {
        guard let type = parameter["type"]?.stringValue else { return invalid("a parameter needs type") }
        guard type == "text" else { return parameter[type] == nil ? invalid("a parameter needs the member its type names") : nil }
        guard let text = parameter["text"]?.stringValue else { return invalid("a text parameter needs text") }
        let isBroken = text.contains { $0.isNewline || $0 == "\t" } || text.contains("     ")
        return isBroken ? GraphError(132_018, details: "A parameter holds new lines, tabs or more than 4 spaces in a row") : nil
    }
}
