import COpenSSL

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
    public static let byteCount = 32

    /// The digest of the bytes, 32 bytes long.
    public static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var state = SHA256_CTX()
        SHA256_Init(&state)
        SHA256_Update(&state, bytes, bytes.count)
        return finish(&state)
    }

    /// The digest of bytes that come piece by piece.
    public struct Running {
        private var state = SHA256_CTX()

        public init() { SHA256_Init(&state) }

        public mutating func update(_ bytes: some Collection<UInt8>) {
            let isDone: Void? = bytes.withContiguousStorageIfAvailable { _ = SHA256_Update(&state, $0.baseAddress, $0.count) }
            if isDone == nil { update(Array(bytes)) }
        }

        /// To be asked once, at the end.
        public mutating func finish() -> [UInt8] { SHA256.finish(&state) }
    }

    static func finish(_ state: inout SHA256_CTX) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
            SHA256_Final(output.baseAddress, &state)
            count = byteCount
        }
    }
}

/// SHA-1 (FIPS 180-4): only for names that are defined over it, never for security.
enum SHA1 {
    static let byteCount = 20

    static func digest(_ parts: [UInt8]...) -> [UInt8] {
        var state = SHA_CTX()
        SHA1_Init(&state)
        for part in parts { SHA1_Update(&state, part, part.count) }
        return [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
            SHA1_Final(output.baseAddress, &state)
            count = byteCount
        }
    }
}
