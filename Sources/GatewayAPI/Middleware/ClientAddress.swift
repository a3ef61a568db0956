import AdapterKit
import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let forwarded = HTTPField.Name("Forwarded")!
    static let realIP = HTTPField.Name("X-Real-IP")!
    static let requestID = HTTPField.Name("X-Request-Id")!
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
}

/// Tells who really calls: the peer, or where the peer is a trusted proxy whom it speaks for.
struct ClientAddress: Sendable {
    private let proxies: [AddressBlock]

    /// Throws one fault for each entry that is neither an address nor a CIDR block.
    init(trustedProxies: [String]) throws(Faults) {
        var faults: [Fault] = []
        var blocks: [AddressBlock] = []
        for (index, text) in trustedProxies.enumerated() {
            let isAlone = !text.contains("/")
            let whole = isAlone ? IPAddress(text).map { "\(text)/\($0.bytes.count * 8)" } : text
            if let block = whole.flatMap({ AddressBlock($0) }) {
                blocks.append(block)
            } else {
                faults.append(Fault("http.trustedProxies[\(index)]", "must be an IP address or a CIDR block"))
            }
        }
        guard faults.isEmpty else { throw Faults(faults) }
        proxies = blocks
    }

    /// The nearest address that no trusted proxy has.
    func of(_ request: Request, peer: IPAddress?) -> IPAddress? {
        guard let peer, isProxy(peer) else { return peer }
        let hops = request.headers[values: .forwardedFor].joined(separator: ",").split(separator: ",").reversed()
        var client = peer
        for hop in hops {
            guard let address = IPAddress(hop.filter { !$0.isWhitespace })?.unmapped else { return client }
            client = address
            if !isProxy(address) { return address }
        }
        return client
    }

    /// Whether the call comes from this machine, and nobody says that it was passed on.
    static func isLocal(_ request: Request, peer: IPAddress?) -> Bool {
        guard let peer, peer.isLoopback else { return false }
        return ![HTTPField.Name.forwardedFor, .forwarded, .realIP].contains { request.headers[$0] != nil }
    }

    private func isProxy(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }
}
