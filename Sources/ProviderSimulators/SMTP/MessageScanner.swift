import NIOCore

/// Finds the end of a message in bytes that come in pieces: a dot between two CRLF (RFC 5321, section 4.1.1.4).
///
/// A bare line feed ends nothing, so that a message cannot smuggle another one in.
struct MessageScanner {
    /// How far the buffer has been looked at without finding the end.
    private var scanned = 0

    /// The message's length with the CRLF that its last line ends in and without the final dot, or `nil` when more bytes are needed.
    mutating func end(in buffer: ByteBuffer) -> Int? {
        let start = scanned
        let (length, next): (Int?, Int) = buffer.withUnsafeReadableBytes { bytes in
            if bytes.count >= 3, bytes[0] == 0x2E, bytes[1] == 0x0D, bytes[2] == 0x0A { return (0, 0) }
            var position = start
            while let feed = bytes[position...].firstIndex(of: 0x0A) {
                guard feed + 3 < bytes.count else { return (nil, feed) }
                if feed > 0, bytes[feed - 1] == 0x0D, bytes[feed + 1] == 0x2E, bytes[feed + 2] == 0x0D, bytes[feed + 3] == 0x0A {
                    return (feed + 1, 0)
                }
                position = feed + 1
            }
            return (nil, bytes.count)
        }
        scanned = next
        return length
    }

    /// The message without the dots that the client doubled.
    static func unstuff(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var isLineStart = true
        for byte in bytes {
            if !(isLineStart && byte == 0x2E) { result.append(byte) }
            isLineStart = byte == 0x0A
        }
        return result
    }
}
