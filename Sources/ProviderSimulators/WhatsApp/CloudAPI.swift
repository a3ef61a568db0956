import AdapterKit
import Signing
import Synchronization

/// The Cloud API's side of an exchange: a request in, a reaction out, and what was taken kept.
final class CloudAPI: Sendable {
    let options: WhatsAppSimulator.Options
    let messages: Recorder<WhatsAppSimulator.Received>
    let callbacks: StatusCallbacks
    let gate = HoldGate()
    private let script: Mutex<RuleScript<WhatsAppRule>>

    init(options: WhatsAppSimulator.Options, script: [WhatsAppRule], callbacks: StatusCallbacks) {
        self.options = options
        self.callbacks = callbacks
        self.script = Mutex(RuleScript(script))
        messages = Recorder(keepsRecords: options.keepMessages)
    }

    func setScript(_ rules: [WhatsAppRule]) {
        gate.close()
        script.withLock { $0 = RuleScript(rules) }
    }

    /// `GET /{version}/{phone-number-id}` and `POST /{version}/{phone-number-id}/messages`.
    func react(to request: ReceivedRequest) -> HTTPReaction {
        let parts = request.pathParts
        guard (2...3).contains(parts.count), Self.isVersion(parts[0]), parts.count == 2 || parts[2] == "messages" else {
            return .answer(GraphError(2500, details: "Unknown path components", status: 404).answer)
        }
        guard isAuthorized(request) else { return .answer(GraphError(190, details: "Invalid access token").answer) }
        guard parts[1] == options.phoneNumberID else { return .answer(GraphError(33, details: "No such phone number").answer) }
        switch (request.method, parts.count) {
        case ("GET", 2): return .answer(HTTPAnswer(200, json: phoneNumber))
        case ("POST", 3): return message(request)
        default: return .answer(GraphError(100, details: "Unsupported method").answer)
        }
    }

    private static func isVersion(_ text: String) -> Bool {
        let numbers = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        return text.hasPrefix("v") && numbers.count == 2 && numbers.allSatisfy { Int($0) != nil }
    }

    private func isAuthorized(_ request: ReceivedRequest) -> Bool {
        guard let value = request.header("authorization") else { return false }
        return ConstantTime.equal(value, "Bearer " + options.accessToken.reveal())
    }

    private var phoneNumber: JSONValue {
        [
            "id": .string(options.phoneNumberID), "display_phone_number": "+999 0 000000", "verified_name": "Simulator",
            "quality_rating": "GREEN",
        ]
    }

    private func message(_ request: ReceivedRequest) -> HTTPReaction {
        guard let message = try? JSONValue(parsing: request.body) else {
            return .answer(GraphError(100, details: "The body is not JSON").answer)
        }
        if let fault = CloudRequestCheck.fault(in: message) { return .answer(fault.answer) }
        let input = message["to"]?.stringValue ?? ""
        let to = input.filter { $0 != "+" }
        let ruled = script.withLock { script in script.take { $0.to == nil || $0.to == to }?.action }
        switch ruled ?? (options.magicNumbers ? MagicNumber.action(for: to, slowDelay: options.slowDelay) : nil) {
        case .error(let error): return .answer(error.answer)
        case .errorInSuccess(let error): return .answer(HTTPAnswer(200, json: error.body))
        case .answer(let answer): return .answer(answer)
        case .fault(let fault): return .fault(fault)
        case .failLater(let error): return .answer(take(message, input, to, request, failure: error))
        case .lostAnswer:
            _ = take(message, input, to, request)
            return .fault(.close)
        case .partialAnswer: return .partial(take(message, input, to, request))
        case .delay(let duration): return .after(duration, .answer(take(message, input, to, request)))
        case .hold: return .held(.answer(take(message, input, to, request)))
        case nil: return .answer(take(message, input, to, request))
        }
    }

    /// Receives the message, reports on it, and gives the reply that says so.
    private func take(
        _ message: JSONValue, _ input: String, _ to: String, _ request: ReceivedRequest, failure: GraphError? = nil
    ) -> HTTPAnswer {
        let id = "wamid." + Base64.encode(RandomBytes.make(24))
        messages.append(
            WhatsAppSimulator.Received(
                id: id, to: to, type: message["type"]?.stringValue ?? "text", message: message, connection: request.connection,
                receivedAt: request.receivedAt))
        let tag = message["biz_opaque_callback_data"]
        for status in failure == nil ? options.statuses.map(\.rawValue) : ["failed"] {
            callbacks.enqueue(report(id, to, status, tag, failure, at: request.receivedAt))
        }
        return HTTPAnswer(
            200,
            json: [
                "messaging_product": "whatsapp", "contacts": [["input": .string(input), "wa_id": .string(to)]],
                "messages": [["id": .string(id), "message_status": "accepted"]],
            ])
    }

    private func report(
        _ id: String, _ to: String, _ status: String, _ tag: JSONValue?, _ failure: GraphError?, at time: Timestamp
    ) -> JSONValue {
        var entry: [String: JSONValue] = [
            "id": .string(id), "status": .string(status), "timestamp": .string(String(time.secondsSinceEpoch)), "recipient_id": .string(to),
        ]
        if let tag { entry["biz_opaque_callback_data"] = tag }
        if let failure { entry["errors"] = [failure.statusError] }
        let metadata: JSONValue = ["display_phone_number": "9990000000", "phone_number_id": .string(options.phoneNumberID)]
        let value: JSONValue = ["messaging_product": "whatsapp", "metadata": metadata, "statuses": [.object(entry)]]
        return [
            "object": "whatsapp_business_account",
            "entry": [["id": "200000000000001", "changes": [["field": "messages", "value": value]]]],
        ]
    }
}
