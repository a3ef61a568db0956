import AdapterKit
import NIOCore
import NIOPosix
import NIOSSL

/// Finds a server's addresses and connects to the first that may be called and answers.
struct SMTPDialer: Sendable {
    /// A channel that does not read yet, and the TLS context its server needs.
    struct Line: Sendable {
        let channel: any Channel
        let tls: NIOSSLContext?
    }

    struct Failure: Error {
        let failure: MailFailure
        let phase: MailPhase

        init(_ reason: MailFailure.Reason, _ message: String, in phase: MailPhase = .connect) {
            failure = MailFailure(reason, message)
            self.phase = phase
        }
    }

    let trust: SMTPTrust
    let resolver = SMTPResolver()

    func dial(_ server: MailServer, on eventLoop: any EventLoop, until deadline: NIODeadline) -> EventLoopFuture<Line> {
        context(for: server, on: eventLoop).flatMap { tls in
            addresses(of: server, on: eventLoop).flatMap { addresses in
                let permitted = addresses.filter { $0.ipAddress.flatMap { AdapterKit.IPAddress($0) }.map(server.network.permits) ?? false }
                guard !permitted.isEmpty else {
                    return eventLoop.makeFailedFuture(Failure(.forbiddenAddress, "the server's address is not one that may be called"))
                }
                return connect(to: permitted[...], on: eventLoop, until: deadline).map { Line(channel: $0, tls: tls) }
            }
        }
    }

    private func context(for server: MailServer, on eventLoop: any EventLoop) -> EventLoopFuture<NIOSSLContext?> {
        guard server.security != .none else { return eventLoop.makeSucceededFuture(nil) }
        return trust.context(caFile: server.caFile, on: eventLoop).map(Optional.some).flatMapErrorThrowing { _ in
            throw Failure(.tls, "the certificate authorities cannot be read", in: .tls)
        }
    }

    /// Tries one address after the other; each gets an equal share of the time that is left.
    private func connect(to addresses: ArraySlice<SocketAddress>, on eventLoop: any EventLoop, until deadline: NIODeadline)
        -> EventLoopFuture<any Channel>
    {
        guard let address = addresses.first else { return eventLoop.makeFailedFuture(Failure(.connect, "no address")) }
        let left = max(.milliseconds(1), deadline - .now())
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(max(1, left.nanoseconds / Int64(addresses.count))))
            .channelOption(.autoRead, value: false)
            .connect(to: address)
            .flatMapError { error in
                if addresses.count > 1, NIODeadline.now() < deadline {
                    return connect(to: addresses.dropFirst(), on: eventLoop, until: deadline)
                }
                if case .connectTimeout = error as? ChannelError {
                    return eventLoop.makeFailedFuture(Failure(.timeout, "the connection was not made in time"))
                }
                return eventLoop.makeFailedFuture(Failure(.connect, "the connection could not be made"))
            }
    }

    private func addresses(of server: MailServer, on eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        guard (1...65_535).contains(server.port) else { return eventLoop.makeFailedFuture(Failure(.connect, "the port is not one")) }
        let host = server.bareHost
        if let address = try? SocketAddress(ipAddress: host, port: server.port) { return eventLoop.makeSucceededFuture([address]) }
        return resolver.addresses(of: host, port: server.port, on: eventLoop)
    }
}

extension MailServer {
    /// The host without the brackets of an IPv6 literal.
    fileprivate var bareHost: String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    }

    /// The name that the certificate must carry; `nil` for a literal address, which is checked as an address.
    var certificateName: String? {
        guard AdapterKit.IPAddress(bareHost) == nil else { return nil }
        return host.hasSuffix(".") ? String(host.dropLast()) : host
    }
}
