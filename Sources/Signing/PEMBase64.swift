import COpenSSL

/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
enum PEMBase64 {
    static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { output in
            Int(EVP_EncodeBlock(output.baseAddress, bytes, Int32(bytes.count)))
        }
    }

    /// The bytes, or `nil` for anything but whole, padded groups of the alphabet in their one canonical spelling.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count.isMultiple(of: 4) else { return nil }
        let padding = characters.reversed().prefix { $0 == 0x3D }.count
        guard padding <= 2 else { return nil }
        var bytes = [UInt8](repeating: 0, count: characters.count / 4 * 3)
        guard EVP_DecodeBlock(&bytes, characters, Int32(characters.count)) == Int32(bytes.count) else { return nil }
        bytes.removeLast(padding)
        // EVP_DecodeBlock forgives blanks and stray bits; what encodes back to the same text has neither.
        return encode(bytes).utf8.elementsEqual(characters) ? bytes : nil
    }
}
