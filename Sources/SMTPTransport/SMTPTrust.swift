import AdapterKit
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Makes and keeps TLS contexts: reading the authorities takes too long to do it for each connection.
final class SMTPTrust: Sendable {
    /// After this a changed authority file is noticed.
    private static let lifetime = TimeAmount.minutes(5)

    private struct Entry {
        let context: NIOSSLContext
        let expires: NIODeadline
    }

    private let entries = Mutex<[String?: Entry]>([:])

    func context(caFile: String?, on eventLoop: any EventLoop) -> EventLoopFuture<NIOSSLContext> {
        let now = NIODeadline.now()
        if let entry = entries.withLock({ $0[caFile] }), entry.expires > now { return eventLoop.makeSucceededFuture(entry.context) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.certificateVerification = .fullVerification
            if let caFile { configuration.additionalTrustRoots = [.file(caFile)] }
            let context = try NIOSSLContext(configuration: configuration)
            self.entries.withLock { $0[caFile] = Entry(context: context, expires: now + Self.lifetime) }
            return context
        }
    }
}
