public import AdapterKit
import Foundation

/// One worked example of a channel, as data: a request in, the exact call to the provider, a canned reply, the outcome expected.
///
/// The files stand in `adapter-specs/<channel>/cases/*.yaml`; `adapter-specs/README.md` lists the keys.
public struct GoldenCase: Sendable, CustomStringConvertible {
    public enum Check: Sendable {
        /// One try: at most one call, its reply, and what the adapter makes of it.
        case exchange(Exchange?, outcome: ExpectedOutcome)
        case settingsFaults([String])
        case preflight([String])
        /// `nil` where the address must be refused.
        case endpoint(from: String, is: String?)
        case callback(InboundCallback, ExpectedCallback)
    }

    public enum Exchange: Sendable {
        case http(ExpectedHTTPCall, HTTPResult)
        case mail(ExpectedMailCall, MailResult)
    }

    public var channel: ChannelName
    /// The file's name without `.yaml`.
    public var file: String
    public var name: String
    public var settings: JSONValue
    public var network: NetworkPolicy
    public var now: Timestamp
    /// `to` as people write it; the rest of the request has defaults.
    public var request: CaseRequest
    /// The check is made of `probe()` instead of `deliver(_:)`.
    public var isProbe: Bool
    public var check: Check

    public var description: String { "\(channel)/\(file): \(name)" }

    /// Reads one case. Throws every fault, unknown keys among them.
    public init(yaml: String, channel: ChannelName, file: String) throws(Faults) {
        let json = try YAMLText.parse(yaml)
        var reader = try ObjectReader(json, path: "")
        self.channel = channel
        self.file = file
        name = reader.string("name", required: true) ?? ""
        settings = reader.value("settings") ?? .object([:])
        now = reader.time("now") ?? Timestamp(year: 2026, month: 3, day: 1, hour: 9, minute: 30)
        isProbe = reader.bool("probe") ?? false
        network =
            reader.read("network") { (json: JSONValue, path: String) throws(Faults) in try NetworkPolicy(caseJSON: json, path: path) }
            ?? .trusted
        let now = now
        request =
            reader.read("request") { (json: JSONValue, path: String) throws(Faults) in try CaseRequest(json, path: path, now: now) }
            ?? CaseRequest(now: now)
        var checks: [Check] = []
        let http = reader.read("http") { (json: JSONValue, path: String) throws(Faults) in try Exchange(http: json, path: path) }
        let mail = reader.read("mail") { (json: JSONValue, path: String) throws(Faults) in try Exchange(mail: json, path: path) }
        if http != nil, mail != nil { reader.fault("mail", "stands beside http; a try makes one call") }
        let outcome = reader.read("outcome") { (json: JSONValue, path: String) throws(Faults) in try ExpectedOutcome(json, path: path) }
        if let outcome { checks.append(.exchange(http ?? mail, outcome: outcome)) }
        if let paths = reader.strings("settingsFaults") { checks.append(.settingsFaults(paths)) }
        if let paths = reader.strings("preflight") { checks.append(.preflight(paths)) }
        if let endpoint = reader.read(
            "endpoint", { (json: JSONValue, path: String) throws(Faults) in try Check(endpoint: json, path: path) })
        {
            checks.append(endpoint)
        }
        let callback = reader.read("callback") { (json: JSONValue, path: String) throws(Faults) in
            try InboundCallback(json, path: path, now: now)
        }
        let result = reader.read("result") { (json: JSONValue, path: String) throws(Faults) in try ExpectedCallback(json, path: path) }
        if let callback, let result { checks.append(.callback(callback, result)) }
        if checks.count != 1, reader.faults.isEmpty {
            reader.fault(nil, "must have exactly one of outcome, settingsFaults, preflight, endpoint, and callback with result")
        }
        try reader.finish()
        check = checks[0]
    }

    /// Every case of every channel under `folder`, which is `adapter-specs`; throws at the first file that is not a case.
    public static func load(from folder: String) throws -> [GoldenCase] {
        var cases: [GoldenCase] = []
        for channel in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            let path = "\(folder)/\(channel)/cases"
            guard FileManager.default.fileExists(atPath: path) else { continue }
            for file in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where file.hasSuffix(".yaml") {
                let text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
                do {
                    cases.append(try GoldenCase(yaml: text, channel: ChannelName(rawValue: channel), file: String(file.dropLast(5))))
                } catch {
                    throw Faults(error.list.map { Fault("\(channel)/\(file) \($0.path)", $0.message) })
                }
            }
        }
        return cases
    }
}

/// The request of a case, before its address is read by the adapter.
public struct CaseRequest: Sendable {
    public var to: String
    public var content: RenderedContent
    public var deliveryID: DeliveryID
    public var messageID: MessageID
    public var organizationID: OrganizationID
    public var attempt: Int
    public var category: MessageCategory
    public var acceptedAt: Timestamp
    public var deadline: Timestamp

    init(now: Timestamp) {
        to = ""
        content = RenderedContent(.object([:]))
        deliveryID = DeliveryID(UUIDBits(high: 0x0195_4e2d_1000_7000, low: 0x8000_0000_0000_0001))
        messageID = MessageID(UUIDBits(high: 0x0195_4e2d_1000_7000, low: 0x8000_0000_0000_0002))
        organizationID = OrganizationID(UUIDBits(high: 0x0195_4e2d_1000_7000, low: 0x8000_0000_0000_0003))
        attempt = 1
        category = .transactional
        acceptedAt = now
        deadline = now + .seconds(600)
    }

    init(_ json: JSONValue, path: String, now: Timestamp) throws(Faults) {
        self.init(now: now)
        var reader = try ObjectReader(json, path: path)
        to = reader.string("to", required: true) ?? ""
        let raw = reader.string("contentBytes")
        let content = reader.value("content")
        if (raw == nil) == (content == nil) { reader.fault("content", "must be given, or contentBytes instead of it") }
        self.content = raw.map { RenderedContent(bytes: Array($0.utf8)) } ?? RenderedContent(content ?? .null)
        deliveryID = reader.id("deliveryId") ?? deliveryID
        messageID = reader.id("messageId") ?? messageID
        organizationID = reader.id("organizationId") ?? organizationID
        attempt = reader.int("attempt", in: 1...1000).map(Int.init) ?? attempt
        category = reader.choice("category") ?? category
        acceptedAt = reader.time("acceptedAt") ?? acceptedAt
        deadline = reader.time("deadline") ?? deadline
        try reader.finish()
    }

    /// The request as the adapter gets it, with its canonical endpoint.
    public func delivery(to endpoint: Endpoint) -> DeliveryRequest {
        DeliveryRequest(
            deliveryID: deliveryID, messageID: messageID, organizationID: organizationID, endpoint: endpoint, content: content,
            category: category,
            acceptedAt: acceptedAt, attempt: attempt, deadline: deadline)
    }
}

extension ObjectReader {
    /// A member read by `element`, whose faults are kept; `nil` when it is absent or wrong.
    mutating func read<Value>(_ key: String, _ element: (JSONValue, String) throws(Faults) -> Value) -> Value? {
        guard let json = value(key), !json.isNull else { return nil }
        do { return try element(json, path(of: key)) } catch {
            add(error)
            return nil
        }
    }

    mutating func duration(_ key: String) -> Duration? {
        guard let text = string(key) else { return nil }
        guard let length = Duration(configuration: text) else {
            fault(key, "must be a duration such as 30s")
            return nil
        }
        return length
    }

    /// A scalar as text: codes may be written as numbers.
    mutating func scalar(_ key: String) -> String? {
        guard let json = value(key), !json.isNull else { return nil }
        if let number = json.intValue { return String(number) }
        if json.stringValue == nil { fault(key, "must be a string or a whole number") }
        return json.stringValue
    }
}

extension NetworkPolicy {
    /// `trusted`, `guarded`, or `{guarded: [block…]}` with the blocks that are allowed besides.
    fileprivate init(caseJSON json: JSONValue, path: String) throws(Faults) {
        switch json {
        case "trusted": self = .trusted
        case "guarded": self = .guarded(allow: [])
        default:
            guard let texts = json["guarded"]?.arrayValue, json.objectValue?.count == 1 else {
                throw Faults([Fault(path, "must be trusted, guarded, or guarded with a list of blocks")])
            }
            let blocks = texts.compactMap { $0.stringValue.flatMap(AddressBlock.init) }
            guard blocks.count == texts.count else { throw Faults([Fault(path, "must list blocks such as 127.0.0.0/8")]) }
            self = .guarded(allow: blocks)
        }
    }
}

extension GoldenCase.Check {
    fileprivate init(endpoint json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let from = reader.string("from", required: true, allowBlank: true) ?? ""
        let canonical = reader.string("is")
        let isError = reader.bool("error") ?? false
        if (canonical != nil) == isError { reader.fault(nil, "must have exactly one of is and error") }
        try reader.finish()
        self = .endpoint(from: from, is: canonical)
    }
}
