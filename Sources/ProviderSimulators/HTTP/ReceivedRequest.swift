public import AdapterKit

/// One HTTP request as it came, whole.
public struct ReceivedRequest: Hashable, Sendable {
    public var method: String
    /// Path and query.
    public var target: String
    public var headers: [HTTPHeader]
    public var body: [UInt8]
    /// Which connection brought it, counted from 1.
    public var connection: Int
    public var receivedAt: Timestamp

    /// The first value of a header, whatever its case.
    public func header(_ name: String) -> String? {
        let name = name.lowercased()
        return headers.first { $0.name.lowercased() == name }?.value
    }

    /// The target without its query.
    public var path: String { String(target.prefix { $0 != "?" }) }

    /// The path's parts, without empty ones.
    var pathParts: [String] { path.split(separator: "/").map(String.init) }

    /// The value of a query parameter, as it is written.
    func query(_ name: String) -> String? {
        let query = target.drop { $0 != "?" }.dropFirst()
        let pairs = query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1) }
        return pairs.first { $0.first.map(String.init) == name }.flatMap { $0.count == 2 ? String($0[1]) : nil }
    }
}
