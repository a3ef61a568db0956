import AdapterKit
import GatewayCore
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
    mutating func quoteID(_ key: String) -> QuoteID? { callerID(key, QuoteID.init) }
    mutating func leadID(_ key: String) -> LeadID? { callerID(key, LeadID.init) }

    private mutating func callerID<Value>(_ key: String, _ make: (String) -> Value?) -> Value? {
        guard let text = members.string(key) else { return nil }
        if let id = make(text) { return id }
        members.fault(key, "must have at most 200 characters and no control characters")
        return nil
    }

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

extension Channels {
    /// An address as it is kept, whatever spelling is asked for; as it was asked for where it is none on that channel, or on any.
    func address(_ text: String, on name: ChannelName?) -> String {
        let candidates = name.map { [self[$0]].compactMap { $0 } } ?? all
        for channel in candidates {
            if let endpoint = try? channel.endpoint(from: text) { return endpoint.address }
        }
        return text
    }
}
