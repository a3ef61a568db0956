/// UUIDs that are made from names (RFC 9562, section 5.5): the same name yields the same UUID.
public enum UUIDv5 {
    /// The namespace for domain names (RFC 9562, section 6.6).
    public static let dns: [UInt8] = [0x6B, 0xA7, 0xB8, 0x10, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30, 0xC8]

    /// The sixteen bytes of the UUID of a name within a namespace, which is a UUID of sixteen bytes itself.
    public static func make(namespace: [UInt8], name: [UInt8]) -> [UInt8] {
        precondition(namespace.count == 16, "a namespace has sixteen bytes")
        var bytes = Array(SHA1.digest(namespace, name)[..<16])
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes
    }
}
