import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) with nonces of 96 bits and tags of 128.
enum AESGCM {
    static let nonceCount = 12
    static let tagCount = 16

    /// The ciphertext, and behind it the tag.
    static func seal(_ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], associatedData: [UInt8]) -> [UInt8] {
        precondition(key.count == 32 && nonce.count == nonceCount)
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        var output = [UInt8](repeating: 0, count: plaintext.count + tagCount)
        var written: Int32 = 0
        let isSealed = output.withUnsafeMutableBufferPointer { output -> Bool in
            guard let base = output.baseAddress else { return false }
            return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                && EVP_EncryptUpdate(context, nil, &written, associatedData, Int32(associatedData.count)) == 1
                && EVP_EncryptUpdate(context, base, &written, plaintext, Int32(plaintext.count)) == 1
                && EVP_EncryptFinal_ex(context, base + plaintext.count, &written) == 1
                && gateway_gcm_get_tag(context, Int32(tagCount), base + plaintext.count) == 1
        }
        // Only a lack of memory can bring this about; going on would store something that is not sealed.
        precondition(isSealed, "sealing failed")
        return output
    }

    /// The plaintext, or `nil` when ciphertext, tag, nonce or associated data are not those of one sealing.
    static func open(_ sealed: [UInt8], key: [UInt8], nonce: [UInt8], associatedData: [UInt8]) -> [UInt8]? {
        guard key.count == 32, nonce.count == nonceCount, sealed.count >= tagCount else { return nil }
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        let count = sealed.count - tagCount
        // One byte more than the plaintext, so that the buffer has an address even when there is no plaintext.
        var output = [UInt8](repeating: 0, count: count + 1)
        var written: Int32 = 0
        let isAuthentic = sealed.withUnsafeBufferPointer { sealed -> Bool in
            output.withUnsafeMutableBufferPointer { output -> Bool in
                guard let base = output.baseAddress, let input = sealed.baseAddress else { return false }
                return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                    && EVP_DecryptUpdate(context, nil, &written, associatedData, Int32(associatedData.count)) == 1
                    && EVP_DecryptUpdate(context, base, &written, input, Int32(count)) == 1
                    && gateway_gcm_set_tag(context, Int32(tagCount), input + count) == 1
                    && EVP_DecryptFinal_ex(context, base + count, &written) == 1
            }
        }
        guard isAuthentic else { return nil }
        output.removeLast()
        return output
    }
}
