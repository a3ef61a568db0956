import AdapterKit

/// Writes the text of an HTML document with the marks that chat applications read as styles.
struct ChatTextWriter {
    private var output = ""
    /// Where the styles and links that are open began in the output.
    private var styles: [Character: (depth: Int, start: Int)] = [:]
    private var link: (address: String, start: Int)?

    /// Tags give the lines; where a text has none but inline ones, its own line breaks do.
    static func text(of html: String) -> String {
        var writer = ChatTextWriter()
        let keepsBreaks = !HTMLText.hasBlocks(html)
        var hidden: String?
        for token in HTMLTokens(html) {
            switch token {
            case .text(let text):
                if hidden == nil { writer.output += String(text.map { $0.isNewline ? keepsBreaks ? "\n" : " " : $0 }) }
            case .open(let tag):
                if hidden != nil { break }
                writer.open(tag)
                if ["script", "style", "head", "title"].contains(tag.name) { hidden = tag.name }
            case .close(let name):
                if hidden == name { hidden = nil } else if hidden == nil { writer.close(name) }
            case .comment: break
            }
        }
        return tidied(writer.output)
    }

    private mutating func open(_ tag: HTMLTokens.Tag) {
        let name = tag.name
        if name == "br" || name == "hr" { output += "\n" }
        if HTMLText.blockTags.contains(name), !["li", "p", "div"].contains(name) || !output.isEmpty, !atLineStart { output += "\n" }
        if name == "a" { link = (tag.attributes["href"] ?? "", output.count) }
        guard let mark = Self.mark(name) else { return }
        styles[mark, default: (0, output.count)].depth += 1
    }

    private mutating func close(_ name: String) {
        if name == "a", let link {
            self.link = nil
            finish(link)
        } else if let mark = Self.mark(name), let style = styles[mark] {
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
