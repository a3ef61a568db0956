import Foundation

/// A self-signed certificate for `localhost` and its key, in files for the length of a test.
struct TestCertificate {
    let chainFile: String
    let keyFile: String

    /// Calls `body` with the files, and removes them.
    static func withFiles<Result>(_ body: (TestCertificate) async throws -> Result) async throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let files = TestCertificate(
            chainFile: directory.appendingPathComponent("chain.pem").path, keyFile: directory.appendingPathComponent("key.pem").path)
        try Data(pem("CERTIFICATE", certificate).utf8).write(to: URL(fileURLWithPath: files.chainFile))
        try Data(pem("PRIVATE KEY", key).utf8).write(to: URL(fileURLWithPath: files.keyFile))
        return try await body(files)
    }

    private static func pem(_ label: String, _ base64: String) -> String {
        "-----BEGIN \(label)-----\n\(base64)\n-----END \(label)-----\n"
    }

    private static let certificate = """
        MIIBlTCCATugAwIBAgIUBKxxfuntHjNbjBk0267dQm4u7dcwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNDAxNDczN1oYDzIxMjYxMDMx
        MDE0NzM3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARxLnhDMnlCZr2kxEFeNEk2UTC3dsqdKzWJn7nO4O5K3oHiOvBoWmBZ
        LZpJLuCEFSFLuZY7xJOo/HRNsUS9uldbo2kwZzAdBgNVHQ4EFgQUY+kfDIDBtYVZ
        y7M8HMnvIALdpD8wHwYDVR0jBBgwFoAUY+kfDIDBtYVZy7M8HMnvIALdpD8wDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        SAAwRQIgOGRPZBOXXQI9VrJUTt7oJ3HxQEu4YXtQhaPUUNOKa98CIQCStcDnxNQx
        i4ejWzhWhhIpNH6Yr5dCUhHyUdTT5v1RGw==
        """

    private static let key = """
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0MXPJNTeOElKFxep
        gU0fqL1g8gTHOmpyw2fgXU4FN6OhRANCAARxLnhDMnlCZr2kxEFeNEk2UTC3dsqd
        KzWJn7nO4O5K3oHiOvBoWmBZLZpJLuCEFSFLuZY7xJOo/HRNsUS9uldb
        """
}
