public import Foundation
public import ProviderSimulators

/// A certificate that is its own authority, made afresh by the `openssl` command, in a folder for the length of a test.
public struct TestAuthority: Sendable {
    public struct Failure: Error {}

    public let folder: URL

    /// What a server shows.
    public var certificate: ServerCertificate { ServerCertificate(chainFile: file, keyFile: folder.appending(path: "key.pem").path) }
    /// What a client is to trust, as a PEM file.
    public var file: String { folder.appending(path: "cert.pem").path }

    /// Lends an authority to a test, and removes its files.
    ///
    /// - Parameter names: what it is for, in the form of openssl, such as `DNS:localhost,IP:127.0.0.1`.
    public static func with<Result>(names: String, _ body: (TestAuthority) async throws -> Result) async throws -> Result {
        let authority = TestAuthority(folder: FileManager.default.temporaryDirectory.appending(path: UUID().uuidString))
        try FileManager.default.createDirectory(at: authority.folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: authority.folder) }
        try await authority.make(names)
        return try await body(authority)
    }

    private func make(_ names: String) async throws {
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
            "/CN=test",
            "-addext", "subjectAltName=\(names)", "-keyout", certificate.keyFile, "-out", file,
        ]
        openssl.standardError = FileHandle.nullDevice
        // Waiting for the process here would hold one of the threads that all tests share.
        let status = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int32, any Error>) in
            openssl.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try openssl.run() } catch { continuation.resume(throwing: error) }
        }
        guard status == 0 else { throw Failure() }
    }
}
