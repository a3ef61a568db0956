import AdapterKit
import GatewayModel
import Signing

/// Seals with the gateway's keyring.
struct KeyringSealer: Sealer {
    private let keyring: Keyring

    init(_ keyring: Keyring) { self.keyring = keyring }

    func seal(_ plain: [UInt8], for context: String) throws(SealingError) -> [UInt8] {
        keyring.seal(plain, associatedData: Array(context.utf8))
    }

    func open(_ sealed: [UInt8], for context: String) throws(SealingError) -> [UInt8] {
        do { return try keyring.open(sealed, associatedData: Array(context.utf8)) } catch {
            if case .unknownKey = error { throw .unknownKey }
            throw .tampered
        }
    }
}
