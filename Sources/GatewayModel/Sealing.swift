/// Seals small values for storage; what it was sealed for must be named again to open it.
public protocol Sealer: Sendable {
    func seal(_ plain: [UInt8], for context: String) throws(SealingError) -> [UInt8]
    func open(_ sealed: [UInt8], for context: String) throws(SealingError) -> [UInt8]
}

/// Why a sealed value could not be opened, without a word of it.
public enum SealingError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownKey
    case tampered
    case failed

    public var description: String {
        switch self {
        case .unknownKey: "the keyring lacks the key that it was sealed with"
        case .tampered: "the keyring has another key under the same id, or it was changed"
        case .failed: "sealing failed"
        }
    }
}

/// Names an address in logs and searches without showing it: equal addresses give equal names, and only the holder of the key can tell.
public protocol AddressHasher: Sendable {
    func hash(_ address: String) -> String
}
