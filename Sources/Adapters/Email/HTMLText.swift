/// The plain text that stands beside an HTML mail whose sender gave none: what it says, line by line, with the addresses of its links.
///
/// A reader of tags, not a browser: made for the templates of mails, and never wrong in a way that loses words.
struct HTMLText {
    private var output = ""
    /// Line breaks owed before the next word; none at the beginning.
    private var breaks = 0
    private var needsBlank = false
    /// The name of the element whose content is not text.
    private var hidden: String?
    private var preformatted = 0
    private var links: [(address: String?, start: String.Index)] = []

    static func text(of html: String) -> String {
        var reader = HTMLText()
        reader.read(html[...])
        return reader.output
    }

    private mutating func read(_ html: Substring) {
        var rest = html
        while let open = rest.firstIndex(of: "<") {
            append(rest[..<open])
            rest = rest[open...]
            if rest.hasPrefix("<!--") {
                rest = rest.firstRange(of: "-->").map { rest[$0.upperBound...] } ?? ""
            } else if let next = rest.dropFirst().unicodeScalars.first, next.properties.isAlphabetic || "/!?".unicodeScalars.contains(next)
            {
                let (tag, after) = Self.tag(rest)
                handle(tag)
                rest = after
            } else {
                append("<")
                rest = rest.dropFirst()
            }
        }
        append(rest)
        while output.last?.isWhitespace == true { output.removeLast() }
    }

    // MARK: - Text

    private mutating func append(_ text: Substring) {
        guard hidden == nil else { return }
        for character in Self.decodingEntities(text) {
            // A no-break space is wanted where it stands; other blanks are layout of the source.
            if character.isWhitespace, character != "\u{A0}" {
                if preformatted > 0, character.isNewline { breaks = max(breaks, 1) } else { needsBlank = true }
                continue
            }
            flush()
            output.append(character == "\u{A0}" ? " " : character)
        }
    }

    private mutating func flush() {
        if !output.isEmpty {
            if breaks > 0 { output += String(repeating: "\n", count: breaks) } else if needsBlank, output.last != "\n" { output += " " }
        }
        breaks = 0
        needsBlank = false
    }

    private mutating func lineBreak(_ count: Int) { breaks = max(breaks, count) }

    // MARK: - Tags

    private struct Tag {
        var name: String
        var isEnd: Bool
        var attributes: [String: String]
    }

    private static let paragraphs: Set<String> = [
        "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr", "dl",
    ]
    private static let blocks: Set<String> = [
        "div", "tr", "li", "section", "article", "header", "footer", "address", "dt", "dd", "figure", "figcaption", "form", "main", "nav",
        "aside", "center",
        "body", "fieldset", "caption", "tbody", "thead", "tfoot",
    ]
    private static let unseen: Set<String> = ["head", "title", "script", "style", "template", "noscript"]

    private mutating func handle(_ tag: Tag) {
        if let name = hidden {
            if tag.isEnd, tag.name == name { hidden = nil }
            return
        }
        switch tag.name {
        case let name where Self.unseen.contains(name): if !tag.isEnd { hidden = name }
        case "br": breaks = min(breaks + 1, 2)
        case let name where Self.paragraphs.contains(name):
            lineBreak(2)
            if name == "pre" { preformatted = max(0, preformatted + (tag.isEnd ? -1 : 1)) }
        case "li" where !tag.isEnd:
            lineBreak(1)
            flush()
            output += "- "
        case let name where Self.blocks.contains(name): lineBreak(1)
        case "td", "th": needsBlank = true
        case "img": if let words = tag.attributes["alt"] { append(words[...]) }
        case "a": tag.isEnd ? endLink() : links.append((Self.shown(tag.attributes["href"]), output.endIndex))
        default: break
        }
    }

    /// A link's address follows its words, unless they are that address.
    private mutating func endLink() {
        guard let link = links.popLast(), let address = link.address else { return }
        let words = output[link.start...].drop(while: \.isWhitespace)
        guard words != address, "https://" + words != address, "http://" + words != address else { return }
        if words.isEmpty {
            flush()
            output += address
        } else {
            output += " (" + address + ")"
        }
    }

    /// The address as a reader can use it; `nil` for anchors, scripts and embedded data.
    private static func shown(_ href: String?) -> String? {
        guard let href else { return nil }
        let address = decodingEntities(href[...]).filter { !$0.isWhitespace }
        let lower = address.lowercased()
        if lower.hasPrefix("http://") || lower.hasPrefix("https://") { return address }
        if lower.hasPrefix("mailto:") || lower.hasPrefix("tel:") {
            return String(address[address.index(after: address.firstIndex(of: ":")!)...])
        }
        return nil
    }

    /// Reads the tag at the beginning of `text`; quoted attribute values may hold `>`.
    private static func tag(_ text: Substring) -> (Tag, after: Substring) {
        var rest = text.dropFirst()
        let isEnd = rest.first == "/"
        if isEnd { rest = rest.dropFirst() }
        let name = rest.prefix { !$0.isWhitespace && $0 != ">" && $0 != "/" }
        rest = rest[name.endIndex...]
        var attributes: [String: String] = [:]
        while true {
            rest = rest.drop { $0.isWhitespace || $0 == "/" }
            guard let first = rest.first, first != ">" else { break }
            // A stray = counts as part of a name, so that every turn moves on.
            let key = rest.prefix(1) + rest.dropFirst().prefix { !$0.isWhitespace && $0 != "=" && $0 != ">" && $0 != "/" }
            rest = rest.dropFirst(key.count).drop(while: \.isWhitespace)
            guard rest.first == "=" else { continue }
            rest = rest.dropFirst().drop(while: \.isWhitespace)
            let value: Substring
            // A quote that is never closed is taken for a letter, or the rest of the mail would be lost.
            if let quote = rest.first, quote == "\"" || quote == "'", rest.dropFirst().contains(quote) {
                value = rest.dropFirst().prefix { $0 != quote }
                rest = rest[value.endIndex...].dropFirst()
            } else {
                value = rest.prefix { !$0.isWhitespace && $0 != ">" }
                rest = rest[value.endIndex...]
            }
            attributes[key.lowercased()] = attributes[key.lowercased()] ?? String(value)
        }
        return (Tag(name: name.lowercased(), isEnd: isEnd, attributes: attributes), rest.dropFirst())
    }

    // MARK: - Entities

    private static let named: [Substring: Character] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}", "euro": "€", "pound": "£", "cent": "¢", "copy": "©",
        "reg": "®",
        "trade": "™", "deg": "°", "middot": "·", "bull": "•", "hellip": "…", "ndash": "–", "mdash": "—", "lsquo": "‘", "rsquo": "’",
        "sbquo": "‚",
        "ldquo": "“", "rdquo": "”", "bdquo": "„", "laquo": "«", "raquo": "»", "times": "×", "divide": "÷", "plusmn": "±", "frac12": "½",
        "frac14": "¼",
        "frac34": "¾", "sup2": "²", "sup3": "³", "micro": "µ", "para": "¶", "sect": "§", "larr": "←", "rarr": "→", "uarr": "↑", "darr": "↓",
        "check": "✓",
        "agrave": "à", "aacute": "á", "acirc": "â", "atilde": "ã", "auml": "ä", "aring": "å", "aelig": "æ", "ccedil": "ç", "egrave": "è",
        "eacute": "é",
        "ecirc": "ê", "euml": "ë", "igrave": "ì", "iacute": "í", "icirc": "î", "iuml": "ï", "ntilde": "ñ", "ograve": "ò", "oacute": "ó",
        "ocirc": "ô",
        "otilde": "õ", "ouml": "ö", "oslash": "ø", "ugrave": "ù", "uacute": "ú", "ucirc": "û", "uuml": "ü", "yacute": "ý", "yuml": "ÿ",
        "szlig": "ß",
        "Agrave": "À", "Aacute": "Á", "Auml": "Ä", "Aring": "Å", "AElig": "Æ", "Ccedil": "Ç", "Egrave": "È", "Eacute": "É", "Euml": "Ë",
        "Iuml": "Ï",
        "Ntilde": "Ñ", "Ouml": "Ö", "Oslash": "Ø", "Uuml": "Ü", "zwnj": "\u{200C}", "shy": "\u{AD}",
    ]

    /// `text` with its character references replaced; what is none stays as it stands.
    private static func decodingEntities(_ text: Substring) -> String {
        var output = ""
        var rest = text
        while let ampersand = rest.firstIndex(of: "&") {
            output += rest[..<ampersand]
            rest = rest[ampersand...].dropFirst()
            let name = rest.prefix(12).prefix { $0 != ";" && $0 != "&" && !$0.isWhitespace }
            guard rest[name.endIndex...].first == ";", let character = character(name) else {
                output += "&"
                continue
            }
            output.append(character)
            rest = rest[name.endIndex...].dropFirst()
        }
        return output + rest
    }

    private static func character(_ name: Substring) -> Character? {
        guard name.first == "#" else { return named[name] }
        let digits = name.dropFirst()
        let isHexadecimal = digits.first == "x" || digits.first == "X"
        guard let value = isHexadecimal ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits), value > 0,
            let scalar = Unicode.Scalar(value)
        else { return nil }
        return Character(scalar)
    }
}
