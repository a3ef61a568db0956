import AdapterKit
import GatewayModel
import Hummingbird

/// Reads a query's parameters, and remembers every fault as a body's reader does.
struct QueryReader {
    var members: ObjectReader

    init(_ request: Request) throws(Faults) {
        var values: [String: JSONValue] = [:]
        for (name, value) in request.uri.queryParameters { values[String(name)] = .string(String(value)) }
        members = try ObjectReader(.object(values), path: "")
        // Read by the call itself.
        _ = members.value("organization")
    }

    mutating func channel(_ key: String) -> ChannelName? { members.string(key).map { ChannelName(rawValue: $0) } }
    mutating func quoteID(_ key: String) -> QuoteID? { members.string(key, maximum: 200).flatMap { QuoteID($0) } }
    mutating func leadID(_ key: String) -> LeadID? { members.string(key, maximum: 200).flatMap { LeadID($0) } }

    /// How many elements a page has: 1…500, 50 unless told.
    mutating func limit() -> Int {
        guard let text = members.string("limit") else { return 50 }
        if let limit = Int(text), (1...500).contains(limit) { return limit }
        members.fault("limit", "must be between 1 and 500")
        return 50
    }

    /// Where the page before this one ended.
    mutating func cursor() -> PageCursor? {
        guard let text = members.string("cursor") else { return nil }
        if let cursor = PageCursor(text) { return cursor }
        members.fault("cursor", "is not one that was given out")
        return nil
    }

    mutating func finish() throws(Faults) { try members.finish() }
}
