/// Which addresses a transfer may connect to.
///
/// Decided on the address actually connected to, when the socket is opened: a check of the URL alone is defeated by a name that resolves to
/// something else the second time.
public enum NetworkPolicy: Hashable, Sendable {
    /// The operator named the target: anything goes.
    case trusted
    /// A tenant named the target: only the public Internet, and the blocks that the operator allows besides.
    case guarded(allow: [AddressBlock])
    /// Only these blocks: what a tenant named is not to be called in the clear, or on that port, anywhere else.
    case only([AddressBlock])

    public func permits(_ address: IPAddress) -> Bool {
        switch self {
        case .trusted: true
        case .guarded(let allow): NetworkGuard.isPublic(address) || allow.contains { NetworkGuard.matches($0, address) }
        case .only(let blocks): blocks.contains { NetworkGuard.matches($0, address) }
        }
    }

    public var isGuarded: Bool { self != .trusted }
}

/// The rules that keep a tenant's target out of the inside network: pure functions of addresses.
public enum NetworkGuard {
    /// Whether an address is a globally reachable unicast address by the registries of RFC 6890 and its updates.
    ///
    /// IPv6 addresses that carry an IPv4 one (mapped, NAT64, 6to4, Teredo) are never public: what they reach is another address.
    public static func isPublic(_ address: IPAddress) -> Bool {
        if address.isIPv4 { return !forbiddenIPv4.contains { $0.contains(address) } }
        return globalUnicast.contains(address) && !forbiddenIPv6.contains { $0.contains(address) }
    }

    /// Whether an allowed block covers an address, also where the address is the IPv4-mapped form of one in the block.
    static func matches(_ block: AddressBlock, _ address: IPAddress) -> Bool {
        block.contains(address) || embeddedIPv4(address).map(block.contains) == true
    }

    private static func embeddedIPv4(_ address: IPAddress) -> IPAddress? {
        guard !address.isIPv4, address.bytes[..<10].allSatisfy({ $0 == 0 }), address.bytes[10] == 0xFF, address.bytes[11] == 0xFF else {
            return nil
        }
        return IPAddress(bytes: Array(address.bytes[12...]))
    }

    private static let forbiddenIPv4 = blocks(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")
    private static let globalUnicast = AddressBlock("2000::/3")!
    private static let forbiddenIPv6 = blocks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

    private static func blocks(_ texts: String...) -> [AddressBlock] { texts.map { AddressBlock($0)! } }
}

extension NetworkGuard {
    /// Why a tenant's URL may not be called, as far as the URL alone tells; `nil` when nothing is wrong with it yet.
    ///
    /// Literal addresses are read in every spelling that resolvers take (`2130706433`, `0x7f.1`, `0177.0.0.1`, `[::ffff:127.0.0.1]`).
    public static func fault(of url: WebURL, policy: NetworkPolicy) -> String? {
        guard case .guarded(let allow) = policy else { return nil }
        if url.hasCredentials { return "a URL may not carry a user name or password" }
        let literal = looseAddress(url.host)
        let isAllowed = literal.map { address in allow.contains { matches($0, address) } } ?? false
        switch url.scheme {
        case "https": break
        case "http" where isAllowed || (literal == nil && !allow.isEmpty): break
        default: return "the scheme must be https"
        }
        if let literal, !policy.permits(literal) { return "the address is not one that may be called" }
        if !isAllowed, literal != nil || allow.isEmpty, !publicPorts.contains(url.port) {
            return "the port must be 443, 8443, 80 or 8080"
        }
        return nil
    }

    /// What holds for the connections of a transfer to `url` under `policy`: whether a name stands for an address that may be called in the
    /// clear, or on another port, is known only once it is connected to.
    public static func policy(for url: WebURL, under policy: NetworkPolicy) -> NetworkPolicy {
        guard case .guarded(let allow) = policy, url.scheme != "https" || !publicPorts.contains(url.port) else { return policy }
        return .only(allow)
    }

    private static let publicPorts = [80, 443, 8080, 8443]

    /// The address that a host name spells, in the loose forms of `inet_aton` too; `nil` for a name.
    public static func looseAddress(_ host: String) -> IPAddress? {
        var text = host.lowercased()
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        while text.hasSuffix(".") { text.removeLast() }
        if let address = IPAddress(text) { return address }
        if text == "localhost" || text.hasSuffix(".localhost") { return IPAddress("127.0.0.1") }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        var numbers: [UInt64] = []
        for part in parts {
            let number: UInt64?
            if part.hasPrefix("0x") {
                number = part.count == 2 ? 0 : UInt64(part.dropFirst(2), radix: 16)
            } else if part.hasPrefix("0"), part.count > 1 {
                number = UInt64(part.dropFirst(), radix: 8)
            } else {
                number = part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(part) : nil
            }
            guard let number else { return nil }
            numbers.append(number)
        }
        let last = numbers.removeLast()
        guard numbers.allSatisfy({ $0 < 256 }), last < 1 << (8 * (4 - UInt64(numbers.count))) else { return nil }
        var value = last
        for (index, number) in numbers.enumerated() { value |= number << (24 - 8 * UInt64(index)) }
        return IPAddress(bytes: (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt64($0))) })
    }
}
