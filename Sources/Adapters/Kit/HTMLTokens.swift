/// The tags and texts of an HTML document, one after the other; made for messages, not for web pages.
///
/// Lenient as browsers are, and careful in one thing more: a `<` that does not end up a tag is text, so that no word is lost over it.
public struct HTMLTokens: Sequence, IteratorProtocol, Sendable {
    public enum Token: Hashable, Sendable {
        /// With its character references resolved; a no-break space stays one.
        case text(String)
        case open(Tag)
        /// The name in lower case.
        case close(String)
        /// A comment or a declaration.
        case comment
    }

    public struct Tag: Hashable, Sendable {
        /// In lower case.
        public let name: String
        /// By name in lower case, with character references resolved; the first of equal names counts.
        public let attributes: [String: String]
    }

    private var rest: Substring
    /// The element that was just opened and whose content is not HTML (HTML standard, section 13.2.5.4).
    private var raw: String?

    private static let rawElements: Set<String> = ["script", "style", "xmp", "iframe", "noembed", "noframes"]

    public init(_ html: String) { rest = html[...] }

    public mutating func next() -> Token? {
        if let raw {
            self.raw = nil
            skipContent(of: raw)
        }
        guard let first = rest.first else { return nil }
        if first == "<", let token = tag() { return token }
        let end = rest.dropFirst().firstIndex(of: "<") ?? rest.endIndex
        defer { rest = rest[end...] }
        return .text(HTMLReferences.resolved(rest[..<end]))
    }

    private mutating func skipContent(of name: String) {
        while let end = rest.firstRange(of: "</") {
            rest = rest[end.lowerBound...]
            let after = rest.dropFirst(2)
            let isEnd = after.prefix(name.count).lowercased() == name
            if isEnd, after.dropFirst(name.count).first.map({ $0.isWhitespace || $0 == ">" || $0 == "/" }) ?? true { return }
            rest = after
        }
        rest = ""
    }

    /// The tag at the beginning of the rest; `nil` leaves the rest as it was, for a `<` that is text.
    private mutating func tag() -> Token? {
        if rest.hasPrefix("<!--") {
            rest = rest.firstRange(of: "-->").map { rest[$0.upperBound...] } ?? ""
            return .comment
        }
        if rest.hasPrefix("<?"), let end = rest.firstIndex(of: ">") {
            rest = rest[end...].dropFirst()
            return .comment
        }
        var scan = rest.dropFirst()
        let mark = scan.first
        if mark == "/" || mark == "!" { scan = scan.dropFirst() }
        guard let first = scan.first, first.isASCII, first.isLetter else { return nil }
        let name = scan.prefix { !$0.isWhitespace && $0 != ">" && $0 != "/" }
        scan = scan[name.endIndex...]
        // `<jan@example.nl>` and `<https://example.nl>` are addresses that somebody put between brackets.
        guard name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-:_.".contains($0)) }), name.last != ":" else { return nil }
        guard let attributes = Self.attributes(&scan) else { return nil }
        rest = scan
        let lowered = name.lowercased()
        switch mark {
        case "!": return .comment
        case "/": return .close(lowered)
        default:
            if Self.rawElements.contains(lowered) { raw = lowered }
            return .open(Tag(name: lowered, attributes: attributes))
        }
    }

    /// Reads to the end of the tag; `nil` when it has none. Quoted values may hold `>`.
    private static func attributes(_ scan: inout Substring) -> [String: String]? {
        var attributes: [String: String] = [:]
        while true {
            scan = scan.drop { $0.isWhitespace || $0 == "/" }
            guard let next = scan.first else { return nil }
            if next == ">" {
                scan = scan.dropFirst()
                return attributes
            }
            // A stray = counts as part of a name, so that every turn moves on.
            let name = scan.prefix(1) + scan.dropFirst().prefix { !$0.isWhitespace && $0 != "=" && $0 != ">" && $0 != "/" }
            scan = scan.dropFirst(name.count)
            let value = Self.value(&scan)
            attributes[name.lowercased()] = attributes[name.lowercased()] ?? HTMLReferences.resolved(value)
        }
    }

    private static func value(_ scan: inout Substring) -> Substring {
        let afterBlanks = scan.drop(while: \.isWhitespace)
        guard afterBlanks.first == "=" else { return "" }
        scan = afterBlanks.dropFirst().drop(while: \.isWhitespace)
        // A quote that is never closed is taken for a letter, or the rest of the message would be lost.
        if let quote = scan.first, quote == "\"" || quote == "'", let end = scan.dropFirst().firstIndex(of: quote) {
            defer { scan = scan[end...].dropFirst() }
            return scan[..<end].dropFirst()
        }
        let value = scan.prefix { !$0.isWhitespace && $0 != ">" }
        scan = scan[value.endIndex...]
        return value
    }
}
