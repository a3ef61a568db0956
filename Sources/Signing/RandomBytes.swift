import COpenSSL

/// Bytes that nobody can guess.
public enum RandomBytes {
    /// Fresh bytes from OpenSSL's generator, which the kernel seeds. Ends the process should the generator fail: there is no safe way on.
    public static func make(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { output, initialized in
            guard count > 0 else { return }
            precondition(RAND_bytes(output.baseAddress, Int32(count)) == 1, "the random generator failed")
            initialized = count
        }
    }
}
