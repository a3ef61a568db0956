/// An absolute http or https URL (RFC 3986), taken apart as far as anyone here needs.
public struct WebURL: Hashable, Sendable {
    public let scheme: String
    public let hasCredentials: Bool
    /// In lower case; an IPv6 address keeps its brackets.
    public let host: String
    public let port: Int
    /// Path and query as they were written, beginning with `/`.
    public let target: String

    /// `nil` for anything with blanks, control or non-ASCII characters, another scheme, no host, or a port out of range.
    ///
    /// A host is an address or a name of letters, digits, `-`, `.` and `_`: escapes (RFC 3986, section 3.2.2) only serve to hide one.
    public init?(_ text: String) {
        guard text.utf8.count <= 2048,
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x5C && $0 != 0x22 && $0 != 0x3C && $0 != 0x3E }),
            let colon = text.utf8.firstIndex(of: 0x3A), text[colon...].hasPrefix("://")
        else { return nil }
        let scheme = text[..<colon].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = text[colon...].dropFirst(3)
        // At the first of / ? and #.
        let end = rest.utf8.firstIndex { $0 == 0x2F || $0 == 0x3F || $0 == 0x23 } ?? rest.endIndex
        var authority = rest[..<end]
        if let at = authority.utf8.lastIndex(of: 0x40) {
            hasCredentials = true
            authority = authority[authority.index(after: at)...]
        } else {
            hasCredentials = false
        }
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            let after = authority[authority.index(after: close)...]
            guard after.isEmpty || after.hasPrefix(":"), IPAddress(authority[authority.index(after: authority.startIndex)..<close]) != nil
            else { return nil }
            portText = after.isEmpty ? nil : after.dropFirst()
            authority = authority[...close]
        } else if let colon = authority.firstIndex(of: ":") {
            portText = authority[authority.index(after: colon)...]
            authority = authority[..<colon]
        }
        guard !authority.isEmpty, authority.hasPrefix("[") || authority.utf8.allSatisfy(Self.isHostByte) else { return nil }
        let port = portText.flatMap { $0.isEmpty ? nil : $0 }.map { Int($0) ?? 0 } ?? (scheme == "https" ? 443 : 80)
        guard (1...65_535).contains(port), portText?.first != "+" else { return nil }
        var target = rest[end...].prefix { $0 != "#" }
        if target.isEmpty || target.first == "?" { target = "/" + target }
        self.scheme = scheme
        self.host = authority.lowercased()
        self.port = port
        self.target = String(target)
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
    }

    /// The URL again, with scheme and host in lower case and without a default port or a fragment.
    public var text: String {
        let isDefault = port == (scheme == "https" ? 443 : 80)
        return "\(scheme)://\(host)\(isDefault ? "" : ":\(port)")\(target)"
    }
}
