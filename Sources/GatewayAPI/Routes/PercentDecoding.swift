import Signing

extension StringProtocol {
    /// The text with every `%` and its two digits decoded (RFC 3986, section 2.1); `nil` when they are no digits, or the result no UTF-8.
    var percentDecoded: String? {
        guard utf8.contains(0x25) else { return String(self) }
        var bytes: [UInt8] = []
        var rest = Substring(self).utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let decoded = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) else { return nil }
            bytes += decoded
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
