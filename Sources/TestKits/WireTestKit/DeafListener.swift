#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A port on loopback behind which nobody reads, for as long as this lives.
///
/// It needs no thread, because nothing is done with it. Where the system completes a connection, what a client sends fits the system's
/// buffers or waits.
public final class DeafListener: Sendable {
    public enum Connections: Sendable {
        /// They are completed, and no byte is ever taken from them.
        case completed
        /// They are refused: the port is taken, and nobody listens at it.
        case refused
        /// They get no answer at all: the queue of the socket is full, and the system drops what comes.
        case dropped
    }

    public struct Unavailable: Error {}

    public let port: Int
    private let sockets: [Int32]

    public init(_ connections: Connections = .completed) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // A small window, so that a large request does not vanish into the system's buffers.
        var window: Int32 = 4096
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &window, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isThere = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(listener, raw, length) == 0 && getsockname(listener, raw, &length) == 0
            }
        }
        guard isThere, connections == .refused || listen(listener, connections == .completed ? 64 : 0) == 0 else {
            close(listener)
            throw Unavailable()
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        var all = [listener]
        if connections == .dropped {
            // A queue of length nought holds one connection; the second of these is dropped already.
            for _ in 0..<2 {
                let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
                withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = connect(filler, $0, length) }
                }
                all.append(filler)
            }
        }
        sockets = all
    }

    deinit { for socket in sockets { close(socket) } }
}
