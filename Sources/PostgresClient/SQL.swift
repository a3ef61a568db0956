/// The text of a statement: a literal or a shared text is prepared once a connection, any other each time it runs.
///
/// Values are never part of it; they go as parameters, `$1` and on.
public struct SQL: ExpressibleByStringLiteral, Sendable {
    private enum Source: Sendable {
        case literal(StaticString)
        case shared(SharedText)
        case once(String)
    }

    private final class SharedText: Sendable {
        let text: String
        init(_ text: String) { self.text = text }
    }

    private let source: Source

    public init(stringLiteral value: StaticString) { source = .literal(value) }
    /// For texts that are put together once, of fixed pieces, and kept in a static constant.
    public init(shared text: String) { source = .shared(SharedText(text)) }
    /// For texts that are put together of fixed pieces as they are needed.
    public init(once text: String) { source = .once(text) }

    var text: String {
        switch source {
        case .literal(let literal): literal.description
        case .shared(let shared): shared.text
        case .once(let text): text
        }
    }

    /// An address that is this text's alone for as long as the value exists; `nil` for one that is not kept.
    var address: UInt? {
        switch source {
        case .literal(let literal): UInt(bitPattern: literal.utf8Start)
        case .shared(let shared): UInt(bitPattern: Unmanaged.passUnretained(shared).toOpaque())
        case .once: nil
        }
    }
}
