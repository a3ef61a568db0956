import AdapterKit
import GatewayModel
import Signing

/// Names addresses in the log by a code under a key of the keyring: the same address has the same name, and nobody without the key can
/// find out which address that is.
struct KeyedAddressHasher: AddressHasher {
    private let code: HMACSHA256

    init(_ keyring: Keyring) { code = HMACSHA256(key: keyring.key(for: "addresses in the log")) }

    func hash(_ address: String) -> String { Hex.encode(Array(code.code(for: Array(address.utf8)).prefix(12))) }
}
