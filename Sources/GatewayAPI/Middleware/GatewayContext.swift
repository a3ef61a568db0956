import AdapterKit
public import Hummingbird

/// What is known of a call besides its request.
public struct GatewayContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The other end of the connection; nil where it has no IP address.
    let peer: IPAddress?

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress?.ipAddress.flatMap { IPAddress($0)?.unmapped }
    }
}

extension IPAddress {
    /// The IPv4 address that an IPv6 one stands for on a socket that serves both (RFC 4291, section 2.5.5.2), else the address itself.
    var unmapped: IPAddress {
        guard !isIPv4, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else { return self }
        return IPAddress(bytes: Array(bytes[12...])) ?? self
    }

    /// 127.0.0.0/8, or ::1.
    var isLoopback: Bool {
        if isIPv4 { return bytes[0] == 127 }
        return bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    }
}
