/// The keys with which data at rest is sealed: the first seals, all of them open.
///
/// Sealed bytes are, in this order: the version (1), the length of the key's id, the id, a random nonce of 12 bytes, the ciphertext, a tag of
/// 16 bytes. Everything before the nonce is authenticated with the caller's associated data.
public struct Keyring: Sendable, CustomStringConvertible, CustomReflectable {
    private struct Key: Sendable {
        var id: String
        var bytes: [UInt8]
    }

    private static let version: UInt8 = 1
    private let keys: [Key]

    /// Reads lines of `id base64(32 bytes)`; empty lines and lines that begin with `#` say nothing. An id has 1 to 64 letters, digits, `.`, `_`
    /// or `-`. Throws with every faulty line.
    public init(parsing text: String) throws(KeyringError) {
        var keys: [Key] = []
        var faults: [KeyringError.Line] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            let id = String(first)
            if words.count != 2 {
                faults.append(.init(number: index + 1, message: "must be an id and a key in base64, with a blank between them"))
            } else if !Self.isValid(id: id) {
                faults.append(.init(number: index + 1, message: "an id has 1 to 64 letters, digits, '.', '_' or '-'"))
            } else if keys.contains(where: { $0.id == id }) {
                faults.append(.init(number: index + 1, message: "this id stands on an earlier line already"))
            } else if let bytes = PEMBase64.decode(words[1]), bytes.count == 32 {
                keys.append(Key(id: id, bytes: bytes))
            } else {
                faults.append(.init(number: index + 1, message: "the key must be 32 bytes in base64"))
            }
        }
        if keys.isEmpty, faults.isEmpty { faults.append(.init(number: 0, message: "the keyring holds no key")) }
        guard faults.isEmpty else { throw KeyringError(lines: faults) }
        self.keys = keys
    }

    /// A line with a fresh random key, as `init(parsing:)` reads it.
    public static func makeLine(id: String) -> String { "\(id) \(PEMBase64.encode(RandomBytes.make(32)))" }

    /// The id of the key that seals.
    public var sealingKeyID: String { keys[0].id }

    /// Encrypts and authenticates with AES-256-GCM (NIST SP 800-38D). `associatedData` says where the bytes belong, so that they open nowhere else.
    public func seal(_ plaintext: [UInt8], associatedData: [UInt8] = []) -> [UInt8] {
        let key = keys[0]
        let header = [Self.version, UInt8(key.id.utf8.count)] + Array(key.id.utf8)
        let nonce = RandomBytes.make(AESGCM.nonceCount)
        return header + nonce + AESGCM.seal(plaintext, key: key.bytes, nonce: nonce, associatedData: header + associatedData)
    }

    /// The plaintext of sealed bytes.
    public func open(_ sealed: [UInt8], associatedData: [UInt8] = []) throws(OpenError) -> [UInt8] {
        let (id, headerCount) = try Self.readHeader(sealed)
        guard let key = keys.first(where: { $0.id == id }) else { throw .unknownKey(id: id) }
        let nonceEnd = headerCount + AESGCM.nonceCount
        guard sealed.count >= nonceEnd + AESGCM.tagCount else { throw .malformed }
        let plaintext = AESGCM.open(
            Array(sealed[nonceEnd...]), key: key.bytes, nonce: Array(sealed[headerCount..<nonceEnd]),
            associatedData: Array(sealed[..<headerCount]) + associatedData)
        guard let plaintext else { throw .notAuthentic }
        return plaintext
    }

    /// Whether the bytes were sealed with a key other than the first, and are worth sealing again.
    public func isStale(_ sealed: [UInt8]) throws(OpenError) -> Bool { try Self.readHeader(sealed).id != keys[0].id }

    /// A key of its own for one purpose, from the key that seals: for names and codes that no other purpose's key can make.
    public func key(for purpose: String) -> [UInt8] { HMACSHA256.code(for: Array(purpose.utf8), key: keys[0].bytes) }

    private static func readHeader(_ sealed: [UInt8]) throws(OpenError) -> (id: String, count: Int) {
        guard sealed.count >= 2, sealed[0] == version, sealed.count >= 2 + Int(sealed[1]),
            let id = String(validating: sealed[2..<2 + Int(sealed[1])], as: UTF8.self), isValid(id: id)
        else { throw .malformed }
        return (id, 2 + Int(sealed[1]))
    }

    private static func isValid(id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
    }

    public var description: String { "Keyring(\(keys.map(\.id).joined(separator: ", ")))" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
