import AdapterKit
import Foundation
import ProviderSimulators

/// A daemon with every provider's stand-in beside it.
struct Gateway {
    let daemon: Daemon
    let providers: SimulatorSet

    static let engine = "/api/v1/admin/organizations/me/workflow-engine"

    /// Starts providers and daemon.
    ///
    /// - Parameters:
    ///   - email, whatsapp, webhook: further keys of each channel's section.
    ///   - smtpPort, whatsappURL: where the channel leads to instead of the stand-in.
    ///   - store: the store's section; nil for an embedded one.
    ///   - arguments: further arguments of `serve`.
    init(
        email: String = "", whatsapp: String = "", webhook: String = "", more: String = "", seeded: Bool = true, smtpPort: Int? = nil,
        whatsappURL: String? = nil, store: String? = nil, environment: [String: String] = [:], arguments: [String] = []
    ) async throws {
        providers = try await SimulatorSet.start()
        daemon = try await Daemon(
            channels: """
                email: { host: 127.0.0.1, port: \(smtpPort ?? providers.smtpPort), security: none, from: "Voorbeeld <hallo@voorbeeld.example>"\(email) }
                whatsapp: { provider: cloud, baseURL: "\(whatsappURL ?? providers.whatsappURL)", phoneNumberID: "\(providers.whatsappPhoneNumberID)", accessToken: "\(providers.whatsappAccessToken.reveal())", appSecret: "\(providers.whatsappAppSecret.reveal())", verifyToken: "\(providers.whatsappVerifyToken.reveal())"\(whatsapp) }
                webhook: { secret: "\(providers.webhookSecret.reveal())"\(webhook) }
                """, more: more, seeded: seeded, store: store, environment: environment, arguments: arguments)
    }

    /// Stops the daemon as an operator would, then the providers; answers the daemon's exit status and log.
    @discardableResult
    func stop(within limit: Duration? = nil) async -> (status: Int32, log: String) {
        let result = await daemon.stop(within: limit)
        await providers.stop()
        return result
    }

    /// Runs `body` on a gateway of its own, and stops it whatever comes.
    static func with(
        email: String = "", whatsapp: String = "", webhook: String = "", more: String = "", seeded: Bool = true, smtpPort: Int? = nil,
        whatsappURL: String? = nil, store: String? = nil, _ body: (Gateway) async throws -> Void
    ) async throws {
        let gateway = try await Gateway(
            email: email, whatsapp: whatsapp, webhook: webhook, more: more, seeded: seeded, smtpPort: smtpPort, whatsappURL: whatsappURL,
            store: store)
        do { try await body(gateway) } catch {
            await gateway.stop()
            throw error
        }
        await gateway.stop()
    }

    func message(_ channel: String, to: String, _ content: JSONValue, key: String? = nil) async throws -> JSONValue {
        var body: [String: JSONValue] = ["channel": .string(channel), "to": .string(to), "content": content]
        if let key { body["idempotencyKey"] = .string(key) }
        let reply = try await daemon.call("POST", "/api/v1/messages", .object(body))
        guard (200...202).contains(reply.status) else { throw Daemon.Failure(description: "the message was refused: \(reply.json.text)") }
        return reply.json
    }

    /// Accepts a message and answers the id of its one delivery.
    func deliver(_ channel: String, to: String, _ content: JSONValue? = nil, key: String? = nil) async throws -> String {
        let ids = try await message(channel, to: to, content ?? Self.content(of: channel), key: key).deliveryIDs
        guard ids.count == 1 else { throw Daemon.Failure(description: "\(ids.count) deliveries instead of one") }
        return ids[0]
    }

    /// Something that the channel can send.
    static func content(of channel: String) -> JSONValue {
        switch channel {
        case "email": ["subject": "Hallo", "text": "Tekst"]
        case "whatsapp": ["text": "Hallo"]
        default: ["type": "order.paid", "data": ["id": 7]]
        }
    }

    /// Follows one delivery until it has this status; answers it with its attempts.
    func delivery(_ id: String, until status: String) async throws -> JSONValue {
        try await daemon.delivery(id) { $0.text("status") == status }
    }

    /// The first entry of the suppression list, once there is one.
    func suppression() async throws -> JSONValue {
        try await daemon.look("for a suppression") {
            let listed = try await daemon.call("GET", "/api/v1/suppressions").json["suppressions"]?.arrayValue ?? []
            return listed.first
        }
    }

    /// How often the provider got this delivery, by the id on the wire.
    func arrivals(of id: String) -> Int {
        providers.smtp.received().count { $0.messageID?.contains(id) == true }
            + providers.webhook.received().count { $0.request.header("webhook-id") == id }
            + providers.whatsapp.received().count { $0.message.text("biz_opaque_callback_data").hasPrefix(id) }
    }

    static let sentQuote: JSONValue = [
        "quoteNumber": "2026-001", "leadId": "lead-1", "totalCents": 125_000, "consumerName": "Jan Jansen",
        "consumerEmail": "jan@klant.example",
        "consumerPhone": "06 12345678", "agentName": "Anna", "agentEmail": "anna@voorbeeld.example", "organizationName": "Voorbeeld BV",
    ]
}

extension JSONValue {
    /// Each attempt in short: `accepted`, `deferred connection`, `throttled throttled uncounted`.
    var attempts: [String] {
        (self["attempts"]?.arrayValue ?? []).map { attempt in
            let parts = [attempt.text("outcome"), attempt.text("class"), attempt["counted"] == false ? "uncounted" : ""]
            return parts.filter { !$0.isEmpty }.joined(separator: " ")
        }
    }

    /// How a delivery stands, in short: `failed rejected recipient_invalid [550 5.1.1] after 1`.
    var standing: String {
        var parts = [text("status"), text("reason")]
        if let error = self["lastError"] {
            parts.append(error.text("class"))
            if let code = error["code"]?.stringValue { parts.append("[\(code)]") }
        }
        parts.append("after \(self["attemptCount"]?.intValue ?? -1)")
        return parts.filter { !$0.isEmpty }.joined(separator: " ")
    }

    var isPossibleDuplicate: Bool { self["flags"]?.arrayValue?.contains("possibleDuplicate") == true }

    /// The ids of the deliveries in an answer.
    var deliveryIDs: [String] { (self["deliveries"]?.arrayValue ?? []).map { $0.text("id") } }
}
