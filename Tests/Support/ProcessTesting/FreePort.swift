import Foundation

/// Loopback ports for servers that must be told theirs.
public enum FreePort {
    public struct Failure: Error, CustomStringConvertible {
        public var description: String { "there is no free port" }
    }

    /// A port that nobody listens on, from below those that the system gives to connections.
    public static func find() throws -> Int {
        for port in (20_000..<30_000).shuffled().prefix(100) {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            address.sin_port = in_port_t(port).bigEndian
            let status = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if status == 0 { return port }
        }
        throw Failure()
    }
}
