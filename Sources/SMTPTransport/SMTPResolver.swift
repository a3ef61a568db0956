import AdapterKit
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Looks names up, each at most once at a time.
///
/// The system's resolver blocks, for half a minute when no name server answers. It therefore has threads of its own, and however many
/// connections wait for one name, it costs one of them: a name that cannot be resolved holds nobody else up.
final class SMTPResolver: Sendable {
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 16)
        pool.start()
        return pool
    }()

    private let lookUp: @Sendable (String) throws -> [SocketAddress]
    private let waiting = Mutex<[String: [EventLoopPromise<[SocketAddress]>]]>([:])

    /// - Parameter lookUp: may block.
    init(lookUp: @escaping @Sendable (String) throws -> [SocketAddress] = SMTPResolver.askSystem) { self.lookUp = lookUp }

    /// The addresses of a name, in the resolver's order; fails with `SMTPDialer.Failure` when there is none.
    func addresses(of host: String, port: Int, on eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let promise = eventLoop.makePromise(of: [SocketAddress].self)
        let isFirst = waiting.withLock { waiting in
            waiting[host, default: []].append(promise)
            return waiting[host]?.count == 1
        }
        if isFirst {
            Self.threads.submit { [self] _ in
                let result = Result { try lookUp(host) }
                for promise in waiting.withLock({ $0.removeValue(forKey: host) }) ?? [] { promise.completeWith(result) }
            }
        }
        return promise.futureResult.map { addresses in
            addresses.map { address in
                var address = address
                address.port = port
                return address
            }
        }
    }

    static func askSystem(_ host: String) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard !host.utf8.contains(0), getaddrinfo(host, nil, &hints, &list) == 0 else {
            throw SMTPDialer.Failure(.nameResolution, "the server's name has no address")
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var entry = list
        while let current = entry {
            if let address = current.pointee.ai_addr {
                let raw = UnsafeRawPointer(address)
                switch current.pointee.ai_family {
                case AF_INET: found.append(SocketAddress(raw.loadUnaligned(as: sockaddr_in.self), host: host))
                case AF_INET6: found.append(SocketAddress(raw.loadUnaligned(as: sockaddr_in6.self), host: host))
                default: break
                }
            }
            entry = current.pointee.ai_next
        }
        guard !found.isEmpty else { throw SMTPDialer.Failure(.nameResolution, "the server's name has no address") }
        return found
    }
}
