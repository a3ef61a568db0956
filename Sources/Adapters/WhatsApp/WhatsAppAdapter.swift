public import AdapterKit
import Logging

/// Sends texts and templates over the WhatsApp Cloud API.
public struct WhatsAppAdapter: ChannelAdapter {
    public static let descriptor = AdapterDescriptor(
        channel: .whatsapp, title: "WhatsApp", addressKind: .phone, contentForm: .chat, lostAnswer: .reconcile, circuitScope: .account,
        concurrency: 64, perEndpoint: 1, recipientRate: RecipientRate(every: .seconds(6), burst: 45),
        attemptTimeout: WhatsAppSettings.timeout,
        settings: WhatsAppSettings.specs)

    let settings: WhatsAppSettings
    private let environment: AdapterEnvironment

    public init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {
        self.settings = try WhatsAppSettings(settings)
        self.environment = environment
    }

    public static func endpoint(from address: String) throws(EndpointError) -> Endpoint { try WhatsAppAddress.endpoint(from: address) }

    public func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome {
        let message: CloudMessage
        do { message = try CloudMessage(request.content) } catch {
            return .rejected(
                DeliveryFailure(.contentRejected, error.list.first?.message ?? "the content is not a chat message"), of: .message)
        }
        let timeout = min(WhatsAppSettings.timeout, request.deadline - environment.clock.now)
        guard timeout > .zero else { return .deferred(DeliveryFailure(.timeout, "no time was left for a try")) }
        let tag = CallbackTag(deliveryID: request.deliveryID, attempt: request.attempt)
        var call = settings.request("POST", "/messages", timeout: timeout)
        call.headers.append(HTTPHeader("Content-Type", "application/json"))
        call.body = message.body(to: WhatsAppAddress.digits(of: request.endpoint), tag: tag)
        let outcome = CloudAnswer.outcome(
            of: try await environment.http.send(call), attempt: request.attempt, countedAttempt: request.countedAttempt)
        environment.logger.debug("whatsapp called", metadata: ["delivery": "\(request.deliveryID)", "attempt": "\(request.attempt)"])
        return outcome
    }

    /// Reads the sending number's own record, which takes the same token as sending.
    public func probe() async throws(CancellationError) -> DeliveryOutcome {
        CloudAnswer.outcome(
            ofProbe: try await environment.http.send(settings.request("GET", "?fields=id", timeout: WhatsAppSettings.timeout)))
    }

    public func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault] {
        do { _ = try CloudMessage(content) } catch { return error.list }
        return []
    }
}
