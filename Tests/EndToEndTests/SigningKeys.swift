import AdapterKit
import Foundation
import Signing

/// An RSA and an Ed25519 key, made afresh by the `openssl` command, in a folder for the length of a test.
struct SigningKeys {
    let folder: URL
    static let selectors = ["rsa", "ed"]

    static func with(_ body: (SigningKeys) async throws -> Void) async throws {
        let keys = SigningKeys(folder: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString))
        try FileManager.default.createDirectory(at: keys.folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: keys.folder) }
        for (selector, kind) in zip(selectors, [["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], ["ED25519"]]) {
            let openssl = try RunningProcess(
                URL(filePath: "/usr/bin/env"), ["openssl", "genpkey", "-out", keys.file(selector), "-algorithm"] + kind)
            let (status, _, errors) = await openssl.result()
            guard status == 0 else { throw Daemon.Failure(description: "openssl ended with \(status): \(errors)") }
        }
        try await body(keys)
    }

    func file(_ selector: String) -> String { folder.appending(path: selector + ".pem").path }

    /// The key as the configuration of an e-mail account names it.
    func setting(domain: String) -> String {
        let entries = Self.selectors.map { "{ domain: \(domain), selector: \($0), key: \"file:\(file($0))\" }" }
        return "dkim: [\(entries.joined(separator: ", "))]"
    }

    /// What the domain's DNS would say (RFC 6376, section 3.6.1; RFC 8463, section 4).
    func records(domain: String) throws -> JSONValue {
        var records: [String: JSONValue] = [:]
        for selector in Self.selectors {
            let key = try SigningKey(pem: String(contentsOfFile: file(selector), encoding: .utf8))
            let kind = key.algorithm == .ed25519 ? "ed25519" : "rsa"
            records["\(selector)._domainkey.\(domain)"] = .string("v=DKIM1; k=\(kind); p=\(Base64.encode(key.publicKey))")
        }
        return .object(records)
    }
}
