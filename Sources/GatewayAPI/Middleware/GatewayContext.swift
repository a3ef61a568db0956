import AdapterKit
public import Hummingbird

/// What is known of a call besides its request.
public struct GatewayContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// The other end of the connection; nil where it has no IP address.
    let peer: IPAddress?

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }
    }
}

extension IPAddress {
    /// 127.0.0.0/8, ::1, and the first of them inside an IPv6 address (RFC 4291, section 2.5.5.2).
    var isLoopback: Bool {
        if isIPv4 { return bytes[0] == 127 }
        if bytes[..<15].allSatisfy({ $0 == 0 }) { return bytes[15] == 1 }
        return bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF && bytes[12] == 127
    }
}
