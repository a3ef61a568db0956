import BlockingIO
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A server on loopback that does with each connection what a test tells it to, byte for byte.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (Peer) -> Void

    let port: Int
    private let listener: Int32
    private let state = Mutex((peers: [Peer](), requests: [String]()))
    private let threads = Mutex([BlockingThread]())

    /// Runs the script for each connection, on a thread of its own; the connection closes when the script returns.
    init(_ script: @escaping Script) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(socket, raw, length) == 0 && listen(socket, 256) == 0 && getsockname(socket, raw, &length) == 0
            }
        }
        guard status else { throw Unavailable() }
        port = Int(UInt16(bigEndian: address.sin_port))
        start { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { return }
                let index = state.withLock { $0.peers.count }
                let peer = Peer(connection, index: index, server: self)
                state.withLock { $0.peers.append(peer) }
                start {
                    script(peer)
                    peer.close()
                }
            }
        }
    }

    struct Unavailable: Error {}

    var url: String { "http://127.0.0.1:\(port)/" }
    var connectionCount: Int { state.withLock { $0.peers.count } }
    /// The requests read so far, heads and bodies.
    var requests: [String] { state.withLock { $0.requests } }

    /// Closes everything and waits for the threads.
    func stop() async {
        shutdown(listener, Int32(SHUT_RDWR))
        for peer in state.withLock({ $0.peers }) { peer.close() }
        for thread in threads.withLock({ $0 }) { await thread.stop() }
        close(listener)
    }

    fileprivate func note(_ request: String) { state.withLock { $0.requests.append(request) } }

    private func start(_ work: @escaping @Sendable () -> Void) {
        let thread = BlockingThread(name: "scripted server")
        thread.perform(work)
        threads.withLock { $0.append(thread) }
    }
}

/// The server's side of one connection.
final class Peer: Sendable {
    /// How many connections came before this one.
    let index: Int
    private let socket: Int32
    private let server: ScriptedServer

    init(_ socket: Int32, index: Int, server: ScriptedServer) {
        self.socket = socket
        self.index = index
        self.server = server
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { closeDescriptor(socket) }

    /// Reads one request to the end of its body; `nil` when the client has closed.
    func readRequest() -> String? {
        var bytes: [UInt8] = []
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.headAndBodyLength(), bytes.count >= end.head + end.length {
                server.note(text)
                return text
            }
            guard let more = read(), !more.isEmpty else { return nil }
            bytes += more
        }
    }

    /// Returns when the client has closed.
    func waitForEnd() {
        while let more = read(), !more.isEmpty {}
    }

    func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes a reply whose length is told.
    func reply(_ status: String = "200 OK", headers: [String] = [], body: String = "") {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
        write(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Ends the connection in both directions.
    func close() { shutdown(socket, Int32(SHUT_RDWR)) }

    private func read() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        let count = recv(socket, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }
}

private func closeDescriptor(_ descriptor: Int32) { close(descriptor) }

extension String {
    /// Where the head ends, and how long the body is by its `Content-Length`; `nil` before the head is complete.
    fileprivate func headAndBodyLength() -> (head: Int, length: Int)? {
        guard let gap = firstRange(of: "\r\n\r\n") else { return nil }
        let head = self[..<gap.upperBound]
        let length = head.split(separator: "\r\n").lazy
            .filter { $0.lowercased().hasPrefix("content-length:") }
            .compactMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) }.first
        return (head.utf8.count, length ?? 0)
    }
}
