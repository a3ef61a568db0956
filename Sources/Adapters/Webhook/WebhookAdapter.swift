public import AdapterKit
import Logging

/// Tells a program of an event by an HTTP POST signed after Standard Webhooks 1.0.0.
public struct WebhookAdapter: ChannelAdapter {
    public static let descriptor = AdapterDescriptor(
        channel: .webhook, title: "Webhook", addressKind: .url, contentForm: .data, lostAnswer: .resend, deadline: .seconds(72 * 3600),
        circuitScope: .endpoint, concurrency: 64, perEndpoint: 5, attemptTimeout: WebhookSettings.longestTimeout,
        settings: WebhookSettings.specs)

    private let settings: WebhookSettings
    private let environment: AdapterEnvironment

    public init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {
        self.settings = try WebhookSettings(settings)
        self.environment = environment
    }

    public static func endpoint(from address: String) throws(EndpointError) -> Endpoint { try WebhookAddress.endpoint(from: address) }

    public func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome {
        guard let url = WebURL(request.endpoint.address) else {
            return .rejected(DeliveryFailure(.recipientInvalid, "the target is not a URL"), of: .endpoint)
        }
        if let fault = NetworkGuard.fault(of: url, policy: settings.network) {
            return .rejected(DeliveryFailure(.policy, fault), of: .endpoint)
        }
        let body: [UInt8]
        do { body = try WebhookPayload.body(of: request.content, acceptedAt: request.acceptedAt) } catch {
            return .rejected(DeliveryFailure(.contentRejected, "the content is not an event"), of: .message)
        }
        let now = environment.clock.now
        let timeout = min(settings.timeout, request.deadline - now)
        guard timeout > .zero else { return .deferred(DeliveryFailure(.timeout, "no time was left for a try")) }
        let call = HTTPRequest(
            url: request.endpoint.address,
            headers: [HTTPHeader("Content-Type", "application/json"), HTTPHeader("User-Agent", "gatewayd")]
                + settings.signature.headers(id: request.wireID, at: now, body: body),
            body: body, connectTimeout: min(.seconds(10), timeout), timeout: timeout, maximumReplyBytes: 4096, isIdempotent: true,
            network: settings.network)
        let outcome = ResponseTable.outcome(of: try await environment.http.send(call))
        environment.logger.debug("webhook called", metadata: ["delivery": "\(request.deliveryID)", "attempt": "\(request.attempt)"])
        return outcome
    }

    /// There is no account to ask: each target stands alone.
    public func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance(summary: "the signing key is ready")) }

    public func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault] {
        var faults: [ContentFault] = []
        do { _ = try WebhookPayload.body(of: content, acceptedAt: Timestamp(seconds: 0)) } catch { faults = error.list }
        switch WebURL(endpoint.address) {
        case nil: faults.append(Fault("to", "is not a URL"))
        case let url?: if let fault = NetworkGuard.fault(of: url, policy: settings.network) { faults.append(Fault("to", fault)) }
        }
        return faults
    }
}
