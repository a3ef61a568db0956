import AdapterKit

/// Cuts a server's bytes into replies (RFC 5321, section 4.2), however they arrive.
struct SMTPReplyDecoder {
    /// What came is not an SMTP reply.
    struct Violation: Error, Equatable {
        let message: String
    }

    /// Far beyond the 512 bytes of RFC 5321, section 4.5.3.1.5, and still nothing a hostile server can fill memory with.
    static let maximumLineBytes = 4096
    static let maximumLines = 256

    private var bytes: [UInt8] = []
    private var position = 0
    private var searched = 0
    private var code = 0
    private var lines: [String] = []

    /// Whether something is left that has not become a reply yet.
    var hasPending: Bool { position < bytes.count || !lines.isEmpty }

    mutating func append(_ more: some Sequence<UInt8>) {
        if position == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            position = 0
        } else if position > 0 {
            bytes.removeFirst(position)
            position = 0
        }
        searched = 0
        bytes.append(contentsOf: more)
    }

    /// The next whole reply, or `nil` until more bytes come. Nothing can be read any more once it has thrown.
    mutating func next() throws(Violation) -> SMTPReply? {
        while let line = try nextLine() {
            guard let (number, isLast) = Self.head(of: line) else { throw Violation(message: "a line without a reply code") }
            guard lines.isEmpty || number == code else { throw Violation(message: "the lines of one reply have different codes") }
            guard lines.count < Self.maximumLines else { throw Violation(message: "a reply of too many lines") }
            code = number
            lines.append(String(decoding: line.dropFirst(4), as: UTF8.self))
            if isLast {
                let reply = SMTPReply(code: code, enhanced: Self.enhancedCode(in: lines, code: code), lines: lines)
                lines = []
                return reply
            }
        }
        return nil
    }

    private mutating func nextLine() throws(Violation) -> ArraySlice<UInt8>? {
        guard let end = bytes[max(position, searched)...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            guard bytes.count - position <= Self.maximumLineBytes else { throw Violation(message: "a reply line without an end") }
            return nil
        }
        var line = bytes[position..<end]
        position = end + 1
        searched = position
        guard line.count <= Self.maximumLineBytes else { throw Violation(message: "a reply line that is too long") }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }

    /// The code, and whether the line is its reply's last one.
    private static func head(of line: ArraySlice<UInt8>) -> (code: Int, isLast: Bool)? {
        guard line.count >= 3 else { return nil }
        let digits = line.prefix(3).map { Int($0) - 0x30 }
        guard (2...5).contains(digits[0]), (0...9).contains(digits[1]), (0...9).contains(digits[2]) else { return nil }
        let code = digits[0] * 100 + digits[1] * 10 + digits[2]
        guard line.count > 3 else { return (code, true) }
        switch line[line.startIndex + 3] {
        case UInt8(ascii: " "): return (code, true)
        case UInt8(ascii: "-"): return (code, false)
        default: return nil
        }
    }

    /// The last line's code, else the first's; one whose class disagrees with the reply is no code of this reply (RFC 2034, section 4).
    private static func enhancedCode(in lines: [String], code: Int) -> SMTPReply.EnhancedCode? {
        for line in [lines.last, lines.first] {
            guard let word = line?.prefix(while: { $0 != " " }), let found = SMTPReply.EnhancedCode(word) else { continue }
            if found.class == code / 100 { return found }
        }
        return nil
    }
}
