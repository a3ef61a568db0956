import COpenSSL

/// Comparison that does not tell by its time where two secrets differ.
public enum ConstantTime {
    /// Whether the bytes are the same; only their lengths may show in the time taken.
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
    }

    public static func equal(_ a: String, _ b: String) -> Bool { equal(Array(a.utf8), Array(b.utf8)) }
}
