import AdapterKit

/// How a value is written so that it stays a value in the place where it stands.
enum Escaping: Hashable, Sendable {
    case none
    /// In HTML text or a quoted attribute.
    case html
    /// At the beginning of an attribute that holds an address.
    case htmlURL
    /// Further inside such an attribute.
    case htmlURLPart
    /// Inside a JSON string.
    case jsonText
    /// Outside a JSON string: the whole value.
    case jsonValue

    func apply(to value: JSONValue, of reference: Template.Reference) throws(RenderError) -> String {
        if self == .jsonValue { return value.text }
        guard let raw = value.templateText else { throw .notOneValue(name: reference.name) }
        let text = raw.withoutControls
        switch self {
        case .none: return text
        case .html: return text.htmlEscaped
        case .htmlURL: return (text.hasHarmlessScheme ? text : "#").htmlEscaped
        case .htmlURLPart: return text.percentEncoded
        case .jsonText: return String(JSONValue.string(text).text.dropFirst().dropLast())
        case .jsonValue: return value.text
        }
    }
}

extension JSONValue {
    /// What a tag shows of a single value; `nil` for a group of values.
    var templateText: String? {
        switch self {
        case .null: ""
        case .bool, .int, .double: text
        case .string(let value): value
        case .array, .object: nil
        }
    }
}

extension String {
    /// The text without control characters other than tabs and line breaks; no channel can carry the rest.
    var withoutControls: String {
        guard utf8.contains(where: { ($0 < 0x20 && $0 != 0x0A && $0 != 0x09) || $0 == 0x7F }) else { return self }
        let unified = replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        return String(
            String.UnicodeScalarView(unified.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F || $0 == "\n" || $0 == "\t" }))
    }

    /// The text with the five characters replaced that mean something in HTML text and in quoted attributes.
    var htmlEscaped: String {
        guard utf8.contains(where: { $0 == 0x26 || $0 == 0x3C || $0 == 0x3E || $0 == 0x22 || $0 == 0x27 }) else { return self }
        var output = ""
        output.reserveCapacity(utf8.count + 16)
        for scalar in unicodeScalars {
            switch scalar {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    /// Whether an address with this text may be followed: http, https, mailto and tel, or one without a scheme.
    var hasHarmlessScheme: Bool {
        // Browsers skip blanks and control characters inside a scheme, so they are left out before looking.
        let visible = String(String.UnicodeScalarView(unicodeScalars.filter { $0.value > 0x20 && $0.value != 0x7F }))
        guard let colon = visible.firstIndex(of: ":") else { return true }
        let scheme = visible[..<colon]
        if scheme.contains(where: { "/?#".contains($0) }) { return true }
        return ["http", "https", "mailto", "tel"].contains(scheme.lowercased())
    }

    /// The text as a part of a path or query (RFC 3986, section 2.3: everything but the unreserved characters is encoded).
    var percentEncoded: String {
        let hex = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: output.append(byte)
            default: output += [0x25, hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
