import AdapterKit

/// Writes the text of an HTML document, with or without the marks that chat applications read as styles.
struct TextWriter {
    private let marks: Bool
    private let bullet: String
    private var output = ""
    /// Where the styles and links that are open began in the output.
    private var styles: [Character: (depth: Int, start: Int)] = [:]
    private var link: (address: String, start: Int)?

    init(marks: Bool, bullet: String) {
        self.marks = marks
        self.bullet = bullet
    }

    /// Tags give the lines; where a text has none but inline ones, its own line breaks do.
    func write(_ html: String) -> String {
        var writer = self
        let keepsBreaks = !HTMLText.hasBlocks(html)
        var hidden: String?
        for token in HTMLTokens(html) {
            switch token {
            case .text(let text):
                if hidden == nil { writer.output += (keepsBreaks ? text : text.replacing("\n", with: " ")).decodingEntities }
            case .open(let name, let address):
                if hidden == nil { writer.open(name, address) }
                if hidden == nil, ["script", "style", "head", "title"].contains(name) { hidden = name }
            case .close(let name):
                if hidden == name { hidden = nil } else if hidden == nil { writer.close(name) }
            case .comment: break
            }
        }
        return TextWriter.tidied(writer.output)
    }

    private mutating func open(_ name: String, _ address: String?) {
        if name == "br" || name == "hr" { output += "\n" }
        if name == "li" { output += bullet }
        if HTMLText.blockTags.contains(name), !["li", "p", "div"].contains(name) || !output.isEmpty, !atLineStart { output += "\n" }
        if name == "a" { link = (address ?? "", output.count) }
        guard marks, let mark = TextWriter.mark(name) else { return }
        styles[mark, default: (0, output.count)].depth += 1
    }

    private mutating func close(_ name: String) {
        if name == "a", let link {
            self.link = nil
            finish(link)
        } else if marks, let mark = TextWriter.mark(name), let style = styles[mark] {
            styles[mark] = style.depth > 1 ? (style.depth - 1, style.start) : nil
            if style.depth == 1 { wrap(from: style.start, in: mark) }
        } else if name == "td" || name == "th" {
            output += " "
        } else if HTMLText.blockTags.contains(name) {
            output += "\n"
        }
    }

    private var atLineStart: Bool { output.last(where: { $0 != " " && $0 != "\t" }).map { $0 == "\n" } ?? true }

    private static func mark(_ name: String) -> Character? {
        switch name {
        case "b", "strong": "*"
        case "i", "em": "_"
        case "s", "del", "strike": "~"
        default: nil
        }
    }

    /// Sets the mark around every line since `start`; it has to touch the first and last letter to be read as a style.
    private mutating func wrap(from start: Int, in mark: Character) {
        let begin = output.index(output.startIndex, offsetBy: start)
        let lines = output[begin...].split(separator: "\n", omittingEmptySubsequences: false).map { line -> String in
            let inner = String(line).trimmed
            guard !inner.isEmpty else { return String(line) }
            let before = line.prefix(while: \.isWhitespace)
            let after = line.reversed().prefix(while: \.isWhitespace).count
            return before + "\(mark)\(inner)\(mark)" + String(repeating: " ", count: after)
        }
        output.replaceSubrange(begin..., with: lines.joined(separator: "\n"))
    }

    private mutating func finish(_ link: (address: String, start: Int)) {
        let address = link.address.trimmed
        let text = String(output.dropFirst(link.start)).trimmed
        let shown =
            address.lowercased().hasPrefix("mailto:")
            ? String(address.dropFirst(7)) : address.hasPrefix("tel:") ? String(address.dropFirst(4)) : address
        guard !shown.isEmpty, !shown.hasPrefix("#"), address.hasHarmlessScheme, shown != text else { return }
        output += text.isEmpty ? shown : " (\(shown))"
    }

    /// Runs of blanks as one, no blanks at the ends of lines, at most one empty line, nothing around it all.
    static func tidied(_ text: String) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let words = line.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if words.isEmpty, lines.last?.isEmpty ?? true { continue }
            lines.append(words)
        }
        return lines.joined(separator: "\n").trimmed
    }
}
