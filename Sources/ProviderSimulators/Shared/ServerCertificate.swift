import NIOPosix
package import NIOSSL

/// The certificate that a simulator shows, and its key: two PEM files.
public struct ServerCertificate: Hashable, Sendable {
    public var chainFile: String
    public var keyFile: String

    public init(chainFile: String, keyFile: String) {
        self.chainFile = chainFile
        self.keyFile = keyFile
    }

    /// Reads the files, on a thread that may block. Throws when they hold no certificate and key.
    package func context() async throws -> NIOSSLContext {
        try await NIOThreadPool.singleton.runIfActive {
            let chain = try NIOSSLCertificate.fromPEMFile(chainFile).map(NIOSSLCertificateSource.certificate)
            let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
            return try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
        }
    }
}
