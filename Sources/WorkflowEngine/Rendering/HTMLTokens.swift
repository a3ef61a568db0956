/// The tags and texts of an HTML document, one after the other; made for messages, not for web pages.
struct HTMLTokens: Sequence, IteratorProtocol {
    enum Token: Hashable {
        case text(String)
        /// A tag's name in lower case, and the address it leads to.
        case open(String, address: String?)
        case close(String)
        case comment
    }

    private var rest: Substring

    init(_ html: String) { rest = html[...] }

    mutating func next() -> Token? {
        guard let first = rest.first else { return nil }
        if first == "<", let token = tag() { return token }
        let tail = rest.dropFirst()
        let end = tail.firstIndex(of: "<") ?? rest.endIndex
        defer { rest = rest[end...] }
        return .text(String(rest[..<end]))
    }

    /// The tag at the beginning of the rest; `nil` leaves the rest as it was, for a `<` that is text.
    private mutating func tag() -> Token? {
        if rest.hasPrefix("<!--") {
            let end = rest.firstRange(of: "-->")?.upperBound ?? rest.endIndex
            rest = rest[end...]
            return .comment
        }
        var scan = rest.dropFirst()
        let isClosing = scan.first == "/"
        if isClosing { scan = scan.dropFirst() }
        guard let first = scan.first, first.isASCII, first.isLetter || (first == "!" && !isClosing) else { return nil }
        let name = scan.prefix { !$0.isWhitespace && $0 != ">" && $0 != "/" }
        scan = scan[name.endIndex...]
        var attributes: [(Substring, Substring)] = []
        while true {
            scan = scan.drop { $0.isWhitespace || $0 == "/" }
            guard let next = scan.first else { return nil }
            if next == ">" {
                rest = scan.dropFirst()
                break
            }
            attributes.append(Self.attribute(&scan))
        }
        let lowered = name.lowercased()
        guard lowered.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "!-:".contains($0)) }) else { return .text("") }
        if isClosing { return .close(lowered) }
        let address = attributes.first { $0.0.lowercased() == "href" }.map { String($0.1).decodingEntities }
        return .open(lowered, address: address)
    }

    private static func attribute(_ scan: inout Substring) -> (Substring, Substring) {
        var name = scan.prefix { !$0.isWhitespace && $0 != ">" && $0 != "=" && $0 != "/" }
        if name.isEmpty { name = scan.prefix(1) }
        scan = scan[name.endIndex...]
        let afterBlanks = scan.drop(while: \.isWhitespace)
        guard afterBlanks.first == "=" else { return (name, "") }
        scan = afterBlanks.dropFirst().drop(while: \.isWhitespace)
        if let quote = scan.first, quote == "\"" || quote == "'" {
            let value = scan.dropFirst().prefix { $0 != quote }
            scan = scan[value.endIndex...].dropFirst()
            return (name, value)
        }
        let value = scan.prefix { !$0.isWhitespace && $0 != ">" }
        scan = scan[value.endIndex...]
        return (name, value)
    }
}

extension String {
    /// The text with character references resolved; what is none stays.
    var decodingEntities: String {
        guard utf8.contains(0x26) else { return self }
        var output = ""
        var rest = self[...]
        while let start = rest.firstIndex(of: "&") {
            output += rest[..<start]
            let inside = rest[rest.index(after: start)...]
            let name = inside.prefix(10).prefix { $0 != ";" && $0 != "&" && !$0.isWhitespace }
            guard let text = decoded(name), inside[name.endIndex...].first == ";" else {
                output += "&"
                rest = inside
                continue
            }
            output += text
            rest = inside[name.endIndex...].dropFirst()
        }
        return output + rest
    }
}

private func decoded(_ name: Substring) -> String? {
    if let known = entities[String(name)] { return known }
    guard name.hasPrefix("#") else { return nil }
    let digits = name.dropFirst()
    let number = digits.first == "x" || digits.first == "X" ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
    guard let number, let scalar = Unicode.Scalar(number) else { return nil }
    return number < 0x20 && number != 0x0A && number != 0x09 ? "" : number == 0xA0 ? " " : String(Character(scalar))
}

/// The names people and editors really write in messages (HTML standard, section 13.5).
private let entities: [String: String] = [
    "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "euro": "€", "pound": "£", "cent": "¢", "yen": "¥",
    "copy": "©",
    "reg": "®", "trade": "™", "hellip": "…", "ndash": "–", "mdash": "—", "lsquo": "‘", "rsquo": "’", "sbquo": "‚", "ldquo": "“",
    "rdquo": "”",
    "bdquo": "„", "laquo": "«", "raquo": "»", "bull": "•", "middot": "·", "deg": "°", "plusmn": "±", "times": "×", "divide": "÷",
    "frac12": "½",
    "frac14": "¼", "frac34": "¾", "sup2": "²", "sup3": "³", "szlig": "ß", "agrave": "à", "aacute": "á", "acirc": "â", "auml": "ä",
    "aring": "å",
    "aelig": "æ", "ccedil": "ç", "egrave": "è", "eacute": "é", "ecirc": "ê", "euml": "ë", "igrave": "ì", "iacute": "í", "icirc": "î",
    "iuml": "ï",
    "ntilde": "ñ", "ograve": "ò", "oacute": "ó", "ocirc": "ô", "ouml": "ö", "oslash": "ø", "ugrave": "ù", "uacute": "ú", "ucirc": "û",
    "uuml": "ü",
    "yacute": "ý", "yuml": "ÿ", "Agrave": "À", "Aacute": "Á", "Auml": "Ä", "Ccedil": "Ç", "Egrave": "È", "Eacute": "É", "Euml": "Ë",
    "Iuml": "Ï",
    "Ouml": "Ö", "Uuml": "Ü", "check": "✓", "rarr": "→", "larr": "←", "zwnj": "", "shy": "",
]
