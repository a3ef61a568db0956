import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Doubles the dot that begins a line (RFC 5321, section 4.5.2), over pieces of any size.
struct DotStuffer {
    private var isAtLineStart = true

    /// Appends the stuffed form of the next piece of a message in CRLF lines.
    mutating func append(_ piece: UnsafeRawBufferPointer, to output: inout ByteBuffer) {
        guard let base = piece.baseAddress, !piece.isEmpty else { return }
        var written = 0
        var search = 0
        while search < piece.count, let dot = memchr(base + search, 0x2E, piece.count - search) {
            let index = UnsafeRawPointer(dot) - base
            if index == 0 ? isAtLineStart : piece[index - 1] == 0x0A {
                output.writeBytes(UnsafeRawBufferPointer(rebasing: piece[written...index]))
                written = index
            }
            search = index + 1
        }
        output.writeBytes(UnsafeRawBufferPointer(rebasing: piece[written...]))
        isAtLineStart = piece[piece.count - 1] == 0x0A
    }

    /// Appends the end of the message: the line break it still lacks, and the final dot.
    mutating func finish(to output: inout ByteBuffer) {
        output.writeStaticString(isAtLineStart ? ".\r\n" : "\r\n.\r\n")
        isAtLineStart = true
    }
}

/// A message on its way out, a block at a time.
struct OutgoingBody {
    /// Large enough that a usual mail is one write, small enough that back-pressure is felt.
    static let blockBytes = 65_536

    private let data: [UInt8]
    private var position = 0
    private var stuffer = DotStuffer()

    init(_ data: [UInt8]) { self.data = data }

    /// Appends the next block; `true` when it ends with the final dot.
    mutating func nextBlock(to output: inout ByteBuffer) -> Bool {
        let end = min(position + Self.blockBytes, data.count)
        data.withUnsafeBytes { bytes in
            stuffer.append(UnsafeRawBufferPointer(rebasing: bytes[position..<end]), to: &output)
        }
        position = end
        guard end == data.count else { return false }
        stuffer.finish(to: &output)
        return true
    }
}
