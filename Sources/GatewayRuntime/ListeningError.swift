import Foundation
import NIOCore
import ServiceLifecycle

/// Why the interface could not begin to listen, with the key that says where it is to.
public struct ListeningError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// nil for an error of another kind.
    init?(_ error: any Error, host: String, port: Int) {
        switch (error, (error as? IOError)?.errnoCode) {
        case (_, EADDRINUSE): description = "port \(port) of \(host) is taken by another program (http.port)"
        case (_, EACCES): description = "port \(port) of \(host) is not open to this user (http.port)"
        case (_, EADDRNOTAVAIL), (is SocketAddressError, _): description = "\(host) is no address of this machine (http.host)"
        default: return nil
        }
    }
}

/// The HTTP interface, which says in words when it cannot listen.
struct Listening<Interface: Service>: Service, CustomStringConvertible {
    let interface: Interface
    let host: String
    let port: Int

    var description: String { "interface" }

    func run() async throws {
        do { try await interface.run() } catch { throw ListeningError(error, host: host, port: port) ?? error }
    }
}
