import AdapterKit

/// Turns HTML into the texts that other forms need, and text into simple HTML.
public enum HTMLText {
    /// Whether `text` holds at least one HTML tag; a lone `<`, or an address between angle brackets, is none.
    public static func looksLikeHTML(_ text: String) -> Bool {
        HTMLTokens(text).contains { token in
            switch token {
            case .open(let tag): knownTags.contains(tag.name)
            case .close(let name): knownTags.contains(name)
            case .comment: true
            case .text: false
            }
        }
    }

    /// Whether line structure is given by tags, so that line breaks in the source are mere blanks.
    static func hasBlocks(_ html: String) -> Bool {
        HTMLTokens(html).contains { token in
            switch token {
            case .open(let tag): blockTags.contains(tag.name) || tag.name == "br"
            case .close(let name): blockTags.contains(name)
            case .comment, .text: false
            }
        }
    }

    /// The message as WhatsApp writes it: `*bold*`, `_italic_`, `~struck~`, links as text and address.
    public static func whatsapp(_ html: String) -> String {
        ChatTextWriter.text(of: html)
    }

    /// Simple HTML that shows `text`: its paragraphs, its line breaks, its web addresses as links.
    public static func simpleHTML(_ text: String) -> String {
        var paragraphs: [[Substring]] = [[]]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.allSatisfy(\.isWhitespace) {
                if paragraphs.last?.isEmpty == false { paragraphs.append([]) }
            } else {
                paragraphs[paragraphs.count - 1].append(line)
            }
        }
        return paragraphs.filter { !$0.isEmpty }
            .map { "<p>" + $0.map(linked).joined(separator: "<br>\n") + "</p>" }
            .joined(separator: "\n")
    }

    private static func linked(_ line: Substring) -> String {
        var output = ""
        var rest = line
        while let start = nextAddress(rest) {
            var address = rest[start...].prefix { !$0.isWhitespace && !"<>\"".contains($0) }
            while let last = address.last, ".,;:!?)'".contains(last) { address = address.dropLast() }
            output += String(rest[..<start]).htmlEscaped
            let text = String(address)
            output += WebURL(text) == nil ? text.htmlEscaped : "<a href=\"\(text.htmlEscaped)\">\(text.htmlEscaped)</a>"
            rest = rest[address.endIndex...]
        }
        return output + String(rest).htmlEscaped
    }

    private static func nextAddress(_ text: Substring) -> Substring.Index? {
        [text.firstRange(of: "http://"), text.firstRange(of: "https://")].compactMap { $0?.lowerBound }.min()
    }

    static let blockTags: Set<String> = [
        "p", "div", "li", "ul", "ol", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr", "center", "section",
        "article",
        "header", "footer", "html", "body",
    ]
    private static let knownTags = blockTags.union([
        "br", "a", "b", "strong", "i", "em", "u", "s", "del", "strike", "span", "font", "small", "big", "sup", "sub", "code", "img", "td",
        "th",
        "tbody", "thead", "tfoot", "head", "title", "style", "script", "meta", "link", "ins", "mark", "q",
    ])
}
