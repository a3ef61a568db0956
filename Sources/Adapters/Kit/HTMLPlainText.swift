/// The plain text that stands beside an HTML mail: what it says, line by line, with the addresses of its links.
public struct HTMLPlainText {
    private var output = ""
    /// Line breaks owed before the next word; none at the beginning.
    private var breaks = 0
    private var needsBlank = false
    /// The name of the element whose content is not shown.
    private var hidden: String?
    private var preformatted = 0
    private var links: [(address: String?, start: String.Index)] = []

    public static func text(of html: String) -> String {
        var writer = HTMLPlainText()
        for token in HTMLTokens(html) { writer.write(token) }
        while writer.output.last?.isWhitespace == true { writer.output.removeLast() }
        return writer.output
    }

    private static let paragraphs: Set<String> = [
        "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr", "dl",
    ]
    private static let blocks: Set<String> = [
        "div", "tr", "li", "section", "article", "header", "footer", "address", "dt", "dd", "figure", "figcaption", "form", "main", "nav",
        "aside", "center", "body", "fieldset", "caption", "tbody", "thead", "tfoot",
    ]
    private static let unseen: Set<String> = ["head", "title", "script", "style", "template", "noscript"]

    private mutating func write(_ token: HTMLTokens.Token) {
        switch token {
        case .close(let name) where name == hidden: hidden = nil
        case _ where hidden != nil, .comment: break
        case .text(let text): append(text)
        case .open(let tag): open(tag)
        case .close(let name): close(name)
        }
    }

    // MARK: - Tags

    private mutating func open(_ tag: HTMLTokens.Tag) {
        switch tag.name {
        case let name where Self.unseen.contains(name): hidden = name
        case "br": breaks = min(breaks + 1, 2)
        case "li":
            owe(1)
            flush()
            output += "- "
        case "td", "th": needsBlank = true
        case "img": append(tag.attributes["alt"] ?? "")
        case "a": links.append((Self.shown(tag.attributes["href"]), output.endIndex))
        default:
            oweBlock(tag.name)
            if tag.name == "pre" { preformatted += 1 }
        }
    }

    private mutating func close(_ name: String) {
        switch name {
        case "td", "th": needsBlank = true
        case "a": endLink()
        default:
            oweBlock(name)
            if name == "pre" { preformatted = max(0, preformatted - 1) }
        }
    }

    private mutating func oweBlock(_ name: String) {
        if Self.paragraphs.contains(name) { owe(2) } else if Self.blocks.contains(name) { owe(1) }
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
        let address = href.filter { !$0.isWhitespace }
        let lower = address.lowercased()
        if lower.hasPrefix("http://") || lower.hasPrefix("https://") { return address }
        for scheme in ["mailto:", "tel:"] where lower.hasPrefix(scheme) { return String(address.dropFirst(scheme.count)) }
        return nil
    }

    // MARK: - Text

    private mutating func append(_ text: String) {
        for character in text {
            // A no-break space is wanted where it stands; other blanks are layout of the source.
            if character.isWhitespace, character != "\u{A0}" {
                if preformatted > 0, character.isNewline { owe(1) } else { needsBlank = true }
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

    private mutating func owe(_ count: Int) { breaks = max(breaks, count) }
}
