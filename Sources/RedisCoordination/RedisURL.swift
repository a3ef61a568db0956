/// A server's address that cannot be used. It does not repeat the address, because a password may be in it.
public struct RedisURLFault: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
}

/// Where a Redis server is, and as whom it is talked to.
struct RedisURL: Hashable, Sendable {
    enum Place: Hashable, Sendable {
        case tcp(host: String, port: Int)
        case socket(path: String)
    }

    var place: Place
    var user: String?
    var password: String?
    var database = 0

    /// Reads `redis://[user:password@]host[:port][/database]` or `unix:[//[user:password@]]/path[?db=database]`.
    init(_ text: String) throws(RedisURLFault) {
        if text.hasPrefix("rediss://") {
            throw RedisURLFault(description: "cannot be reached with TLS from here: use a TLS proxy on this machine, or a unix socket")
        }
        if text.hasPrefix("redis://") {
            try self.init(tcp: text.dropFirst(8))
        } else if text.hasPrefix("unix:") {
            try self.init(socket: text.dropFirst(5))
        } else {
            throw Self.form
        }
    }

    private static let form = RedisURLFault(
        description: "must be redis://[user:password@]host:port/database or unix:/path?db=database")

    private init(tcp rest: Substring) throws(RedisURLFault) {
        var rest = rest
        let account = try Self.account(&rest)
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var host = parts[0]
        var port: Substring?
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            let after = host[host.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw Self.form }
            port = after.isEmpty ? nil : after.dropFirst()
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.lastIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
            if host.contains(":") { throw Self.form }
        }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "\0" }) else { throw Self.form }
        guard let number = port.map({ Int($0) }) ?? 6379, (1...65_535).contains(number) else { throw Self.form }
        place = .tcp(host: String(host), port: number)
        (user, password) = account
        if parts.count > 1, !parts[1].isEmpty { database = try Self.database(parts[1]) }
    }

    private init(socket rest: Substring) throws(RedisURLFault) {
        var rest = rest
        var account: (String?, String?) = (nil, nil)
        if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
            account = try Self.account(&rest)
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        // The system takes no longer name of a socket.
        guard parts[0].hasPrefix("/"), parts[0].utf8.count <= 107, !parts[0].contains("\0") else { throw Self.form }
        place = .socket(path: String(parts[0]))
        (user, password) = account
        if parts.count > 1 {
            guard parts[1].hasPrefix("db=") else { throw Self.form }
            database = try Self.database(parts[1].dropFirst(3))
        }
    }

    private static func database(_ text: Substring) throws(RedisURLFault) -> Int {
        guard let number = Int(text), (0...65_535).contains(number) else { throw form }
        return number
    }

    /// Takes `user:password@` or `:password@` off the front.
    private static func account(_ rest: inout Substring) throws(RedisURLFault) -> (String?, String?) {
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let at = rest[..<end].lastIndex(of: "@") else { return (nil, nil) }
        let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let user = decoded(parts[0]), let password = decoded(parts[1]), !password.isEmpty else { throw form }
        rest = rest[rest.index(after: at)...]
        return (user.isEmpty ? nil : user, password)
    }

    /// What stands as `%40` and the like; `nil` when it is not text.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
