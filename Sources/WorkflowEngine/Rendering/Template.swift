public import AdapterKit

/// A text with variables, compiled once and rendered any number of times.
///
/// A tag is `{{root.key}}`; blanks inside it, a leading dot and the case of its letters do not matter. There is no other syntax: a template
/// reaches its variables and nothing else. Where a tag stands decides, when the template is compiled, how its value will be escaped, so a
/// value can never change the structure around it and is never read as a template itself.
public struct Template: Hashable, Sendable {
    /// What kind of text the template is, and so what has to be escaped in its values.
    public enum Dialect: Hashable, Sendable {
        /// Plain text: values stay as they are.
        case text
        /// HTML: values are escaped by the place they stand in.
        case html
        /// JSON: a tag inside a string fills in escaped text, a tag outside one becomes a whole JSON value.
        case json
    }

    /// One variable that a template asks for.
    public struct Reference: Hashable, Sendable {
        /// The keys from the root downwards, in lower case.
        public let keys: [String]
        /// The name as the template's author wrote it.
        public let name: String

        public var root: String { keys[0] }
    }

    enum Segment: Hashable, Sendable {
        case literal(String)
        case value(Reference, Escaping)
    }

    public let dialect: Dialect
    let segments: [Segment]

    /// Compiles `source`, in which the two characters `\n` stand for a line break unless it is JSON.
    ///
    /// - Parameter path: where the source was found; it opens the faults.
    /// - Throws: every fault of the source, each with its line.
    public init(_ source: String, as dialect: Dialect = .text, path: String = "") throws(Faults) {
        var compiler = TemplateCompiler(source: source, dialect: dialect, path: path)
        segments = try compiler.compile()
        self.dialect = dialect
    }

    /// The variables that the template asks for, in order, each once.
    public var references: [Reference] {
        var seen: Set<[String]> = []
        return segments.compactMap { segment in
            if case .value(let reference, _) = segment, seen.insert(reference.keys).inserted { reference } else { nil }
        }
    }

    /// Whether a line break stands in the text itself, values aside.
    var hasLineBreak: Bool {
        segments.contains { if case .literal(let text) = $0 { text.contains(where: \.isNewline) } else { false } }
    }

    /// The text with its variables filled in.
    ///
    /// - Parameter limit: the most bytes of UTF-8 that may come out.
    public func render(_ variables: TemplateVariables, limit: Int = Template.maximumBytes) throws(RenderError) -> String {
        var output = ""
        var length = 0
        for segment in segments {
            let piece: String
            switch segment {
            case .literal(let text): piece = text
            case .value(let reference, let escaping): piece = try escaping.apply(to: variables.value(of: reference), of: reference)
            }
            length += piece.utf8.count
            guard length <= limit else { throw .tooLarge(limit: limit) }
            output += piece
        }
        return output
    }

    /// The most that one rendered text may hold, in bytes.
    public static let maximumBytes = 256 * 1024
}

/// Why a template could not be filled in.
public enum RenderError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A tag's first key is neither built in nor brought by the event.
    case unknownRoot(name: String, root: String)
    /// A tag names a group of values where only one can stand.
    case notOneValue(name: String)
    case tooLarge(limit: Int)

    public var description: String {
        switch self {
        case .unknownRoot(let name, let root): "{{\(name)}} is unknown: there is no “\(root)”"
        case .notOneValue(let name): "{{\(name)}} is a group of values, not one"
        case .tooLarge(let limit): "the rendered text is longer than \(limit) bytes"
        }
    }
}
