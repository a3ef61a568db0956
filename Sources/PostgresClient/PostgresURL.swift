import CLibPQ

/// A server's address that libpq cannot read. It does not say which, because a password may be in it.
public struct PostgresURLFault: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String { "the address is not a postgres:// URL with parameters that PostgreSQL's client knows" }
}

/// A server's address, taken apart into libpq's parameters.
struct PostgresURL: Sendable {
    private let given: [String: String]

    init(_ text: String) throws(PostgresURLFault) {
        // A text without a scheme would be read as the name of a database.
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else { throw PostgresURLFault() }
        var message: UnsafeMutablePointer<CChar>?
        let options = PQconninfoParse(text, &message)
        defer {
            PQfreemem(message)
            PQconninfoFree(options)
        }
        guard var option = options else { throw PostgresURLFault() }
        var given: [String: String] = [:]
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { given[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        // libpq would not look at the ports before it connects.
        let ports = given["port"]?.split(separator: ",") ?? []
        guard ports.allSatisfy({ Int($0).map { (1...65_535).contains($0) } ?? false }) else { throw PostgresURLFault() }
        self.given = given
    }

    /// All parameters of a connection: what the URL says comes before what is usual here.
    func parameters(_ configuration: PostgresConfiguration) -> [String: String] {
        var parameters = Self.usual.merging(given) { _, given in given }
        // Settings are made here rather than after connecting, which would take another round trip. A pooler refuses them.
        if configuration.pooler == .none {
            let settings = configuration.sessionSettings.map { "-c \(Self.escaped($0.name))=\(Self.escaped($0.value))" }
            parameters["options"] = (settings + [given["options"]].compactMap(\.self)).joined(separator: " ")
        }
        parameters["client_encoding"] = "UTF8"
        return parameters
    }

    /// A server that is gone without a word is noticed within a minute; one that only reads, such as the old one after a failover, is not used.
    private static let usual = [
        "connect_timeout": "5", "keepalives": "1", "keepalives_idle": "20", "keepalives_interval": "10", "keepalives_count": "3",
        "tcp_user_timeout": "30000", "target_session_attrs": "read-write", "fallback_application_name": "gatewayd",
    ]

    /// A blank ends an option unless a backslash stands before it.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            if character == "\\" || character.isWhitespace { escaped.append("\\") }
            escaped.append(character)
        }
        return escaped
    }
}
