import AdapterKit

/// What we write to the provider so that its reports name the try they are about.
struct CallbackTag: Hashable, Sendable {
    var deliveryID: DeliveryID
    var attempt: Int

    var text: String { "\(deliveryID).\(attempt)" }
}

extension CallbackTag {
    /// `nil` for a tag that is not ours.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = DeliveryID(parts[0]), let attempt = Int(parts[1]), attempt > 0 else { return nil }
        self.init(deliveryID: id, attempt: attempt)
    }
}

/// A message in the Cloud API's terms (Graph API, `/{phone-number-id}/messages`).
struct CloudMessage: Sendable {
    static let longestText = 4096

    private let type: String
    private let object: JSONValue

    /// Throws every reason why the content cannot be sent.
    init(_ content: RenderedContent) throws(Faults) {
        let json: JSONValue
        do { json = try content.json() } catch { throw Faults([Fault("content", "is not JSON")]) }
        switch try ChatContent(json: json) {
        case .text(let text):
            let length = text.unicodeScalars.count
            if text.allSatisfy(\.isWhitespace) { throw Faults([Fault("content.text", "must not be blank")]) }
            if length > Self.longestText {
                throw Faults([Fault("content.text", "must have at most \(Self.longestText) characters, has \(length)")])
            }
            type = "text"
            object = ["body": .string(text), "preview_url": false]
        case .template(let template):
            let faults = TemplateShape.faults(of: template)
            if !faults.isEmpty { throw Faults(faults) }
            type = "template"
            var members: [String: JSONValue] = ["name": .string(template.name), "language": ["code": .string(template.language)]]
            if template.components != .array([]) { members["components"] = template.components }
            object = .object(members)
        case .document: throw Faults([Fault("content.document", "this channel sends texts and templates, not files")])
        }
    }

    func body(to digits: String, tag: CallbackTag) -> [UInt8] {
        JSONValue.object([
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": .string(digits), "type": .string(type), type: object,
            "biz_opaque_callback_data": .string(tag.text),
        ]).bytes
    }
}

/// Checks that a template's components have the form the API takes; what they say is the template's business.
enum TemplateShape {
    static func faults(of template: ChatTemplate) -> [Fault] {
        (template.components.arrayValue ?? []).enumerated().flatMap { faults(of: $1, at: "content.template.components[\($0)]") }
    }

    private static func faults(of component: JSONValue, at path: String) -> [Fault] {
        guard component.objectValue != nil else { return [Fault(path, "must be an object")] }
        var faults: [Fault] = []
        let type = component["type"]?.stringValue?.lowercased() ?? ""
        if !["header", "body", "button"].contains(type) { faults.append(Fault(path + ".type", "must be header, body or button")) }
        if type == "button" {
            if component["sub_type"]?.stringValue == nil { faults.append(Fault(path + ".sub_type", "is required for a button")) }
            if component["index"]?.stringValue == nil, component["index"]?.intValue == nil {
                faults.append(Fault(path + ".index", "is required for a button"))
            }
        }
        guard let parameters = component["parameters"] else { return faults }
        guard let list = parameters.arrayValue else { return faults + [Fault(path + ".parameters", "must be an array")] }
        for (index, parameter) in list.enumerated() {
            let path = "\(path).parameters[\(index)]"
            guard let kind = parameter["type"]?.stringValue else {
                faults.append(Fault(path + ".type", "is required"))
                continue
            }
            guard kind == "text" else { continue }
            guard let text = parameter["text"]?.stringValue, !text.isEmpty else {
                faults.append(Fault(path + ".text", "must be a text that is not empty"))
                continue
            }
            if text.contains(where: { $0.isNewline || $0 == "\t" }) || text.contains("     ") {
                faults.append(Fault(path + ".text", "may hold no line break, no tab and no more than four blanks in a row"))
            }
        }
        return faults
    }
}
