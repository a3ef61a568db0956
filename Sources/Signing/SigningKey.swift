import COpenSSL

/// A private key from a PEM file: Ed25519 or RSA.
public final class SigningKey: Sendable {
    public enum Algorithm: String, Hashable, Sendable, CaseIterable {
        /// PureEdDSA over Curve25519 (RFC 8032).
        case ed25519
        /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2).
        case rsaSHA256
    }

    public enum ReadError: Error, Hashable, Sendable {
        /// No private key in PEM, or one that asks for a password.
        case unreadable
        /// A key for something else, or an RSA key of fewer than 1024 bits.
        case unsupported
    }

    public let algorithm: Algorithm
    // OpenSSL counts references to a key under its own lock, and signing only reads it: any number of threads may.
    private nonisolated(unsafe) let key: OpaquePointer

    public init(pem: String) throws(ReadError) {
        let bytes = Array(pem.utf8)
        guard let key = gateway_read_private_key(bytes, Int32(bytes.count)) else { throw .unreadable }
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_ED25519: algorithm = .ed25519
        case EVP_PKEY_RSA where EVP_PKEY_get_bits(key) >= 1024: algorithm = .rsaSHA256
        default:
            EVP_PKEY_free(key)
            throw .unsupported
        }
        self.key = key
    }

    deinit { EVP_PKEY_free(key) }

    /// The signature of a message: 64 bytes for Ed25519, as many as the modulus has for RSA.
    public func sign(_ message: [UInt8]) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var count = Int(EVP_PKEY_get_size(key))
        var signature = [UInt8](repeating: 0, count: count)
        let digest = algorithm == .rsaSHA256 ? EVP_sha256() : nil
        let isSigned =
            EVP_DigestSignInit(context, nil, digest, nil, key) == 1
            && EVP_DigestSign(context, &signature, &count, message, message.count) == 1
        precondition(isSigned, "signing failed")
        signature.removeLast(signature.count - count)
        return signature
    }

    /// The public half: 32 raw bytes for Ed25519 (RFC 8032), SubjectPublicKeyInfo in DER for RSA (RFC 5280).
    public var publicKey: [UInt8] {
        switch algorithm {
        case .ed25519:
            var count = Ed25519.publicKeyCount
            var bytes = [UInt8](repeating: 0, count: count)
            precondition(EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1)
            return bytes
        case .rsaSHA256:
            var bytes = [UInt8](repeating: 0, count: Int(i2d_PUBKEY(key, nil)))
            bytes.withUnsafeMutableBufferPointer { buffer in
                var next = buffer.baseAddress
                _ = i2d_PUBKEY(key, &next)
            }
            return bytes
        }
    }
}
