public import AdapterKit

/// What a case says of a provider's call to us: the answer, and the news in their order.
public struct ExpectedCallback: Sendable {
    public var status: Int
    public var body: String?
    public var reports: [JSONValue]
    public var inbound: [JSONValue]

    init(_ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        status = Int(reader.int("status") ?? 200)
        body = reader.string("body", allowBlank: true)
        reports = reader.list("reports") { (json: JSONValue, path: String) throws(Faults) in json } ?? []
        inbound = reader.list("inbound") { (json: JSONValue, path: String) throws(Faults) in json } ?? []
        try reader.finish()
    }

    /// How `result` differs from what is expected.
    public func mismatches(_ result: CallbackResult) -> [String] {
        var found: [String] = []
        if status != result.status { found.append("status: expected \(status), was \(result.status)") }
        if let body, body != result.body { found.append("body: expected \(body), was \(result.body)") }
        let seenReports = result.reports.map(\.caseJSON)
        let seenInbound = result.inbound.map(\.caseJSON)
        if reports != seenReports {
            found.append("reports: expected \(JSONValue.array(reports).text), was \(JSONValue.array(seenReports).text)")
        }
        if inbound != seenInbound {
            found.append("inbound: expected \(JSONValue.array(inbound).text), was \(JSONValue.array(seenInbound).text)")
        }
        return found
    }
}

extension InboundCallback {
    init(_ json: JSONValue, path: String, now: Timestamp) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let method = reader.string("method") ?? "POST"
        let query = try texts(reader.object("query") ?? [:], path: reader.path(of: "query"))
        let headers = try texts(reader.object("headers") ?? [:], path: reader.path(of: "headers"))
        let body = reader.string("body", allowBlank: true) ?? ""
        try reader.finish()
        self.init(
            method: method, query: query, headers: Dictionary(headers.map { ($0.key.lowercased(), $0.value) }) { first, _ in first },
            body: Array(body.utf8),
            receivedAt: now)
    }
}

extension DeliveryReport {
    /// The report as a case writes it; absent members are left out.
    fileprivate var caseJSON: JSONValue {
        var object: [String: JSONValue] = ["kind": .string(kind.rawValue), "at": .string(at.description)]
        if let providerMessageID { object["providerMessageId"] = .string(providerMessageID) }
        if let deliveryID { object["deliveryId"] = .string(deliveryID.description) }
        if let failure {
            object["class"] = .string(failure.errorClass.rawValue)
            if let code = failure.code { object["code"] = .string(code) }
        }
        if let rejectedPart { object["of"] = .string(rejectedPart.caseText) }
        return .object(object)
    }
}

extension InboundMessage {
    fileprivate var caseJSON: JSONValue {
        var object: [String: JSONValue] = ["from": .string(from.address), "at": .string(at.description)]
        switch meaning {
        case .reply: object["meaning"] = "reply"
        case .optOut(let category): object["meaning"] = .string("optOut" + (category.map { ":" + $0.rawValue } ?? ""))
        case .optIn(let category): object["meaning"] = .string("optIn" + (category.map { ":" + $0.rawValue } ?? ""))
        }
        if let inReplyTo { object["inReplyTo"] = .string(inReplyTo) }
        return .object(object)
    }
}
