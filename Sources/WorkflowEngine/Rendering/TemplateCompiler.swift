import AdapterKit

/// Cuts a template's source into segments and collects every fault on the way.
struct TemplateCompiler {
    private let source: String
    private let dialect: Template.Dialect
    private let path: String
    private var faults: [Fault] = []
    private var segments: [Template.Segment] = []
    private var html = HTMLPlace()
    private var json = JSONPlace()

    init(source: String, dialect: Template.Dialect, path: String) {
        self.source = source
        self.dialect = dialect
        self.path = path
    }

    mutating func compile() throws(Faults) -> [Template.Segment] {
        var rest = source[...]
        while let opening = rest.firstRange(of: "{{") {
            literal(rest[..<opening.lowerBound])
            let inside = rest[opening.upperBound...]
            let closing = inside.firstRange(of: "}}")
            if let next = inside.firstRange(of: "{{"), next.lowerBound < closing?.lowerBound ?? inside.endIndex {
                fault("a tag is opened inside another, or one was not closed", at: opening.lowerBound)
                rest = inside[next.lowerBound...]
                continue
            }
            guard let closing else {
                fault("a tag is not closed", at: opening.lowerBound)
                rest = ""
                break
            }
            tag(inside[..<closing.lowerBound], at: opening.lowerBound)
            rest = inside[closing.upperBound...]
        }
        literal(rest)
        guard faults.isEmpty else { throw Faults(faults) }
        return segments
    }

    private mutating func literal(_ raw: Substring) {
        guard !raw.isEmpty else { return }
        // In JSON the two characters are JSON's own escape, and a bare line break would end the string.
        let text = dialect == .json ? String(raw) : String(raw).replacing("\\n", with: "\n")
        switch dialect {
        case .text: break
        case .html: html.read(text)
        case .json: json.read(text)
        }
        segments.append(.literal(text))
    }

    private mutating func tag(_ inside: Substring, at position: String.Index) {
        var name = inside.drop(while: \.isWhitespace)
        while let last = name.last, last.isWhitespace { name = name.dropLast() }
        guard !name.isEmpty else { return fault("an empty tag", at: position) }
        if let first = name.first, "#/^>!&=$<{".contains(first) {
            return fault("a tag holds the name of a variable and nothing else; “\(first)” is not known", at: position)
        }
        let dotted = name.first == "." ? name.dropFirst() : name
        let keys = dotted.split(separator: ".", omittingEmptySubsequences: false)
        guard keys.count <= 8, keys.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) }) else {
            return fault("“\(name.prefix(40))” is not a name such as lead.name", at: position)
        }
        let reference = Template.Reference(keys: keys.map { $0.lowercased() }, name: String(dotted))
        guard let escaping else {
            return fault(
                "{{\(dotted)}} stands where no value can be made safe: in a script or style, a name, or an attribute without quotes",
                at: position)
        }
        switch dialect {
        case .text: break
        case .html: html.readValue()
        case .json: json.readValue()
        }
        segments.append(.value(reference, escaping))
    }

    private var escaping: Escaping? {
        switch dialect {
        case .text: Escaping.none
        case .html: html.escaping
        case .json: json.escaping
        }
    }

    private mutating func fault(_ message: String, at position: String.Index) {
        let line = source[..<position].count(where: \.isNewline) + 1
        faults.append(Fault(path, "line \(line): \(message)"))
    }
}

private func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: true
    default: false
    }
}

/// Follows JSON text far enough to know whether a string is open.
private struct JSONPlace {
    private var isInString = false
    private var isEscaped = false

    mutating func read(_ text: String) {
        for byte in text.utf8 {
            if isEscaped {
                isEscaped = false
            } else if byte == 0x5C, isInString {
                isEscaped = true
            } else if byte == 0x22 {
                isInString.toggle()
            }
        }
    }

    mutating func readValue() {}

    /// Nothing can stand behind a lone backslash: it would eat the first character of the value.
    var escaping: Escaping? { isEscaped ? nil : isInString ? .jsonText : .jsonValue }
}
