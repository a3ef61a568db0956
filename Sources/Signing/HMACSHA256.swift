import COpenSSL

/// A key for HMAC-SHA256 (RFC 2104), made ready once and used for many messages.
///
/// It keeps the two hash states into which the padded key has already gone, so that a short message costs two blocks less.
public struct HMACSHA256: Sendable, CustomStringConvertible, CustomReflectable {
    private let inner: SHA256_CTX
    private let outer: SHA256_CTX

    public init(key: [UInt8]) {
        var block = key.count > 64 ? SHA256.digest(key) : key
        block.append(contentsOf: repeatElement(0, count: 64 - block.count))
        inner = Self.state(after: block, xor: 0x36)
        outer = Self.state(after: block, xor: 0x5C)
    }

    private static func state(after block: [UInt8], xor pad: UInt8) -> SHA256_CTX {
        var state = SHA256_CTX()
        SHA256_Init(&state)
        SHA256_Update(&state, block.map { $0 ^ pad }, block.count)
        return state
    }

    /// Nothing: the states tell as much as the key.
    public var description: String { "HMAC-SHA256 key" }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The code of the parts as if they were one message, 32 bytes long.
    public func code(for parts: [UInt8]...) -> [UInt8] {
        var state = inner
        for part in parts { SHA256_Update(&state, part, part.count) }
        let digest = SHA256.finish(&state)
        var last = outer
        SHA256_Update(&last, digest, digest.count)
        return SHA256.finish(&last)
    }

    /// Whether `code` is the message's, found out in a time that does not depend on where they differ.
    public func isValid(_ code: [UInt8], for parts: [UInt8]...) -> Bool {
        ConstantTime.equal(self.code(for: parts.count == 1 ? parts[0] : parts.flatMap { $0 }), code)
    }

    /// The code of one message under a key that is not used again.
    public static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] { HMACSHA256(key: key).code(for: message) }
}
