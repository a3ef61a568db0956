import AdapterKit
import Foundation
import ProviderSimulators

/// A daemon with every provider's stand-in beside it.
struct Gateway {
    let daemon: Daemon
    let providers: SimulatorSet

    static let engine = "/api/v1/admin/organizations/me/workflow-engine"

    /// Starts providers and daemon; `settings` adds keys to each channel's section.
    init(email: String = "", whatsapp: String = "", webhook: String = "", more: String = "", seeded: Bool = true, arguments: [String] = []) async throws {
        providers = try await SimulatorSet.start()
        daemon = try await Daemon(
            channels: """
                email: { host: 127.0.0.1, port: \(providers.smtpPort), security: none, from: "Voorbeeld <hallo@voorbeeld.example>"\(email) }
                whatsapp: { provider: cloud, baseURL: "\(providers.whatsappURL)", phoneNumberID: "\(providers.whatsappPhoneNumberID)", accessToken: "\(providers.whatsappAccessToken.reveal())", appSecret: "\(providers.whatsappAppSecret.reveal())", verifyToken: "\(providers.whatsappVerifyToken.reveal())"\(whatsapp) }
                webhook: { secret: "\(providers.webhookSecret.reveal())"\(webhook) }
                """, more: more, seeded: seeded, arguments: arguments)
    }

    /// Stops the daemon as an operator would, then the providers; answers the daemon's exit status and log.
    @discardableResult
    func stop() async -> (status: Int32, log: String) {
        let result = await daemon.stop()
        await providers.stop()
        return result
    }

    /// Runs `body` on a gateway of its own, and stops it whatever comes.
    static func with(
        email: String = "", whatsapp: String = "", webhook: String = "", more: String = "", seeded: Bool = true,
        _ body: (Gateway) async throws -> Void
    ) async throws {
        let gateway = try await Gateway(email: email, whatsapp: whatsapp, webhook: webhook, more: more, seeded: seeded)
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

    /// Follows one delivery until it has this status.
    func delivery(_ id: String, until status: String) async throws -> JSONValue {
        let all = try await daemon.deliveries { $0.first { $0.text("id") == id }?.text("status") == status }
        return all.first { $0.text("id") == id } ?? .null
    }

    static let sentQuote: JSONValue = [
        "quoteNumber": "2026-001", "leadId": "lead-1", "totalCents": 125_000, "consumerName": "Jan Jansen", "consumerEmail": "jan@klant.example",
        "consumerPhone": "06 12345678", "agentName": "Anna", "agentEmail": "anna@voorbeeld.example", "organizationName": "Voorbeeld BV",
    ]
}

extension JSONValue {
    /// The ids of the deliveries in an answer.
    var deliveryIDs: [String] { (self["deliveries"]?.arrayValue ?? []).map { $0.text("id") } }
}
