import Foundation
import Synchronization

@testable import PostgresClient

/// What lies between a client and a server: it can lose what either says, and be cut.
final class Wire: Sendable {
    private struct State {
        var holdsConnections = false
        var losesRequests = false
        var losesReplies = false
        var lostRequests = 0
        /// Client's and server's side of each connection.
        var pairs: [(Int32, Int32)] = []
        var held: [Int32] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    let url: String
    private let folder: String
    private let target: String
    private let listener: Int32
    private let state = Mutex(State())

    /// - Parameter url: That of a database over a Unix socket.
    init(to url: String) throws {
        let parts = url.split(separator: "?").last.map { $0.split(separator: "&") } ?? []
        func value(_ name: String) -> String { parts.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } ?? "" }
        let socketFolder = value("host").replacingOccurrences(of: "%2F", with: "/")
        target = "\(socketFolder)/.s.PGSQL.\(value("port"))"
        folder = NSTemporaryDirectory() + "wire-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.url = url.replacingOccurrences(of: value("host"), with: folder.replacingOccurrences(of: "/", with: "%2F"))
        listener = try Self.socket(at: "\(folder)/.s.PGSQL.\(value("port"))") { bind($0, $1, $2) }
        listen(listener, 32)
        Thread.detachNewThread { [self] in accept() }
    }

    struct Failure: Error {}

    // MARK: Faults

    /// New connections are taken, and nothing more.
    var holdsConnections: Bool {
        get { state.withLock { $0.holdsConnections } }
        set {
            let held = state.withLock { state in
                state.holdsConnections = newValue
                defer { if !newValue { state.held = [] } }
                return newValue ? [] : state.held
            }
            for client in held { join(client) }
        }
    }

    /// What the client says gets lost.
    var losesRequests: Bool {
        get { state.withLock { $0.losesRequests } }
        set { state.withLock { $0.losesRequests = newValue } }
    }

    /// What the server says gets lost.
    var losesReplies: Bool {
        get { state.withLock { $0.losesReplies } }
        set { state.withLock { $0.losesReplies = newValue } }
    }

    /// Returns when the client has said something that got lost.
    func requestIsLost() async {
        await withCheckedContinuation { continuation in
            let isSo = state.withLock { state in
                if state.lostRequests > 0 { return true }
                state.waiters.append(continuation)
                return false
            }
            if isSo { continuation.resume() }
        }
    }

    /// Ends all connections, and heals the wire.
    func cut() {
        state.withLock { state in
            state.losesRequests = false
            state.losesReplies = false
            // Under the lock, so that no descriptor is closed and given to a new connection meanwhile.
            for (client, server) in state.pairs {
                shutdown(client, Int32(SHUT_RDWR))
                shutdown(server, Int32(SHUT_RDWR))
            }
            state.pairs = []
        }
    }

    func close() {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for client in held { Glibc.close(client) }
        cut()
        shutdown(listener, Int32(SHUT_RDWR))
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: Carrying

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            let isHeld = state.withLock { state in
                if state.holdsConnections { state.held.append(client) }
                return state.holdsConnections
            }
            if !isHeld { join(client) }
        }
        Glibc.close(listener)
    }

    private func join(_ client: Int32) {
        guard let server = try? Self.socket(at: target, { connect($0, $1, $2) }) else {
            Glibc.close(client)
            return
        }
        state.withLock { $0.pairs.append((client, server)) }
        let ends = Ends(open: 2)
        Thread.detachNewThread { [self] in carry(from: client, to: server, ends) { $0.losesRequests } }
        Thread.detachNewThread { [self] in carry(from: server, to: client, ends) { $0.losesReplies } }
    }

    private final class Ends: Sendable {
        let open: Mutex<Int>
        init(open: Int) { self.open = Mutex(open) }
        /// Whether both directions have ended.
        func end() -> Bool {
            open.withLock { open in
                open -= 1
                return open == 0
            }
        }
    }

    private func carry(from source: Int32, to target: Int32, _ ends: Ends, isLost: (State) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { break }
            let (isLost, waiters) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
                guard isLost(state) else { return (false, []) }
                guard state.losesRequests else { return (true, []) }
                state.lostRequests += count
                defer { state.waiters = [] }
                return (true, state.waiters)
            }
            for waiter in waiters { waiter.resume() }
            if isLost { continue }
            var sent = 0
            while sent < count {
                let written = buffer[sent..<count].withUnsafeBytes { send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard written > 0 else { break }
                sent += written
            }
        }
        shutdown(source, Int32(SHUT_RDWR))
        shutdown(target, Int32(SHUT_RDWR))
        guard ends.end() else { return }
        state.withLock { state in
            state.pairs.removeAll { $0 == (source, target) || $0 == (target, source) }
            Glibc.close(source)
            Glibc.close(target)
        }
    }

    private static func socket(at path: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) throws -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { memory in memory.copyBytes(from: path.utf8.prefix(memory.count - 1)) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard descriptor >= 0, status == 0 else {
            Glibc.close(descriptor)
            throw Failure()
        }
        return descriptor
    }
}

extension PostgresPool {
    /// Returns when so many wait for a connection.
    func waits(for count: Int) async throws { try await eventually { core.load.waiting >= count } }

    /// Returns when so many have one.
    func runs(_ count: Int) async throws { try await eventually { core.load.running == count } }

    /// Returns when there is no connection left.
    func hasNoConnection() async throws { try await eventually { core.load.connections == 0 } }
}
