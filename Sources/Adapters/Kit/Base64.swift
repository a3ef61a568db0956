/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()

    public static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { output in
            var position = 0
            var index = 0
            while index < bytes.count {
                let left = bytes.count - index
                let group =
                    UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[index + 2]) : 0)
                output[position] = alphabet[Int(group >> 18)]
                output[position + 1] = alphabet[Int(group >> 12 & 63)]
                output[position + 2] = left > 1 ? alphabet[Int(group >> 6 & 63)] : 0x3D
                output[position + 3] = left > 2 ? alphabet[Int(group & 63)] : 0x3D
                position += 4
                index += 3
            }
            return position
        }
    }

    /// The bytes, or `nil` for anything but whole, padded groups of the alphabet.
    public static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        var padding = 0
        while padding < 2, padding < characters.count, characters[characters.count - 1 - padding] == 0x3D { padding += 1 }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count / 4 * 3)
        var index = 0
        while index < characters.count {
            var group: UInt32 = 0
            for offset in 0..<4 {
                let position = index + offset
                if position >= characters.count - padding {
                    group <<= 6
                    continue
                }
                let value = values[Int(characters[position])]
                guard value != 0xFF else { return nil }
                group = group << 6 | UInt32(value)
            }
            bytes.append(UInt8(truncatingIfNeeded: group >> 16))
            bytes.append(UInt8(truncatingIfNeeded: group >> 8))
            bytes.append(UInt8(truncatingIfNeeded: group))
            index += 4
        }
        bytes.removeLast(padding)
        return bytes
    }
}
