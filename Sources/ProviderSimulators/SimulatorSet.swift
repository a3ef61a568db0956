public import AdapterKit
public import NIOCore
import Signing

/// The three simulators together, with secrets of their own, for a gateway that runs on one machine.
public final class SimulatorSet: Sendable {
    public let smtp: SMTPSimulator
    public let whatsapp: WhatsAppSimulator
    public let webhook: WebhookSimulator

    public let whatsappPhoneNumberID: String
    public let whatsappAccessToken: Secret
    public let whatsappAppSecret: Secret
    public let whatsappVerifyToken: Secret
    /// Standard Webhooks form; what the webhook simulator verifies with.
    public let webhookSecret: Secret

    public var smtpPort: Int { smtp.port }
    public var whatsappURL: String { whatsapp.url }
    public var webhookURL: String { webhook.url }

    private init(
        smtp: SMTPSimulator, whatsapp: WhatsAppSimulator, webhook: WebhookSimulator, options: WhatsAppSimulator.Options,
        webhookSecret: Secret
    ) {
        self.smtp = smtp
        self.whatsapp = whatsapp
        self.webhook = webhook
        whatsappPhoneNumberID = options.phoneNumberID
        whatsappAccessToken = options.accessToken
        whatsappAppSecret = options.appSecret
        whatsappVerifyToken = options.verifyToken
        self.webhookSecret = webhookSecret
    }

    /// Starts all three on loopback ports that the system chooses, with fresh secrets; none stays when one cannot start.
    public static func start(eventLoopGroup: (any EventLoopGroup)? = nil) async throws -> SimulatorSet {
        var whatsappOptions = WhatsAppSimulator.Options()
        whatsappOptions.accessToken = Secret(Hex.encode(RandomBytes.make(24)))
        whatsappOptions.appSecret = Secret(Hex.encode(RandomBytes.make(16)))
        whatsappOptions.verifyToken = Secret(Hex.encode(RandomBytes.make(16)))
        var webhookOptions = WebhookSimulator.Options()
        let webhookSecret = Secret("whsec_" + Base64.encode(RandomBytes.make(32)))
        webhookOptions.secret = webhookSecret
        let smtp = try await SMTPSimulator.start(eventLoopGroup: eventLoopGroup)
        do {
            let whatsapp = try await WhatsAppSimulator.start(options: whatsappOptions, eventLoopGroup: eventLoopGroup)
            do {
                let webhook = try await WebhookSimulator.start(options: webhookOptions, eventLoopGroup: eventLoopGroup)
                return SimulatorSet(
                    smtp: smtp, whatsapp: whatsapp, webhook: webhook, options: whatsappOptions, webhookSecret: webhookSecret)
            } catch {
                await whatsapp.stop()
                throw error
            }
        } catch {
            await smtp.stop()
            throw error
        }
    }

    /// Stops all three; once more does no harm.
    public func stop() async {
        await smtp.stop()
        await whatsapp.stop()
        await webhook.stop()
    }
}
