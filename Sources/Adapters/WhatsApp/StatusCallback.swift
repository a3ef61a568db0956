public import AdapterKit

extension WhatsAppAdapter: CallbackReceiving {
    /// Verifies a call of Meta's and reads its reports, replies and opt-outs, in whatever number and order they come.
    public func receive(_ callback: InboundCallback) -> CallbackResult {
        switch callback.method.uppercased() {
        case "GET":
            guard let token = settings.verifyToken, let challenge = CallbackSignature.challenge(callback, token: token) else {
                return CallbackResult(status: 403)
            }
            return CallbackResult(body: challenge)
        case "POST":
            guard let secret = settings.appSecret, CallbackSignature.isValid(callback, secret: secret) else {
                return CallbackResult(status: 401)
            }
            guard let json = try? JSONValue(parsing: callback.body) else { return CallbackResult(status: 400) }
            return StatusCallback(settings: settings, receivedAt: callback.receivedAt).read(json)
        default: return CallbackResult(status: 405)
        }
    }
}

/// Reads the notifications of the Cloud API: `entry[].changes[].value`.
struct StatusCallback {
    let settings: WhatsAppSettings
    let receivedAt: Timestamp

    func read(_ json: JSONValue) -> CallbackResult {
        var result = CallbackResult()
        for entry in json["entry"]?.arrayValue ?? [] {
            for change in entry["changes"]?.arrayValue ?? [] {
                guard let value = change["value"], isOurs(value) else { continue }
                result.reports += (value["statuses"]?.arrayValue ?? []).compactMap(report)
                result.inbound += (value["messages"]?.arrayValue ?? []).compactMap(inbound)
                result.inbound += (value["user_preferences"]?.arrayValue ?? []).compactMap(preference)
            }
        }
        return result
    }

    /// One app can serve several numbers; what happens on another one is another account's news.
    private func isOurs(_ value: JSONValue) -> Bool {
        value["metadata"]?["phone_number_id"]?.stringValue.map { $0 == settings.phoneNumberID } ?? true
    }

    private func report(_ status: JSONValue) -> DeliveryReport? {
        let kind: DeliveryReport.Kind
        switch status["status"]?.stringValue {
        case "sent": kind = .sent
        case "delivered": kind = .delivered
        // A voice message is played where another is read.
        case "read", "played": kind = .read
        case "failed": kind = .failed
        default: return nil
        }
        let tag = status["biz_opaque_callback_data"]?.stringValue.flatMap(CallbackTag.init)
        let id = status["id"]?.stringValue
        guard id != nil || tag != nil else { return nil }
        var report = DeliveryReport(providerMessageID: id, deliveryID: tag?.deliveryID, kind: kind, at: time(status["timestamp"]))
        if kind == .failed {
            let error = CloudError(status["errors"]?[0])
            let row = error.flatMap { CloudErrorTable.row(for: $0.code) }
            report.failure =
                error?.failure(row?.errorClass ?? .contentRejected, row?.meaning ?? "an unknown error")
                ?? DeliveryFailure(.providerUnavailable, "the provider gave no reason")
            if case .rejected(let part)? = row?.verdict { report.rejectedPart = part }
        }
        return report
    }

    private func inbound(_ message: JSONValue) -> InboundMessage? {
        guard let from = WhatsAppAddress.endpoint(fromDigits: message["from"]?.stringValue) else { return nil }
        let button = message["interactive"]?["button_reply"]
        let texts = [message["text"]?["body"], message["button"]?["text"], message["button"]?["payload"], button?["title"], button?["id"]]
        let isOptOut = texts.compactMap { $0?.stringValue }.contains { settings.optOutWords.contains(trimmed($0).lowercased()) }
        return InboundMessage(
            from: from, meaning: isOptOut ? .optOut(nil) : .reply, at: time(message["timestamp"]),
            inReplyTo: message["context"]?["id"]?.stringValue)
    }

    /// A person stopped or resumed marketing messages in the app itself.
    private func preference(_ preference: JSONValue) -> InboundMessage? {
        guard let from = WhatsAppAddress.endpoint(fromDigits: preference["wa_id"]?.stringValue),
            preference["category"] == "marketing_messages"
        else { return nil }
        switch preference["value"]?.stringValue {
        case "stop": return InboundMessage(from: from, meaning: .optOut(.marketing), at: time(preference["timestamp"]))
        case "resume": return InboundMessage(from: from, meaning: .optIn(.marketing), at: time(preference["timestamp"]))
        default: return nil
        }
    }

    /// Seconds since the epoch, as text or number; the time of receipt for anything else.
    private func time(_ json: JSONValue?) -> Timestamp {
        guard let seconds = json?.intValue ?? json?.stringValue.flatMap(Int64.init), (0...4_102_444_800).contains(seconds) else {
            return receivedAt
        }
        return Timestamp(seconds: seconds)
    }

    private func trimmed(_ text: String) -> String {
        let start = text.drop(while: \.isWhitespace)
        return start.lastIndex { !$0.isWhitespace }.map { String(start[...$0]) } ?? ""
    }
}
