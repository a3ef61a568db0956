import AdapterContract
import AdapterKit
import Logging

/// A mistake that somebody could make; each names the rule that must catch it.
protocol Flaw: Sendable {
    static var rule: ContractRule { get }
    static func deliver(_ request: DeliveryRequest, by sound: WebhookLike) async throws(CancellationError) -> DeliveryOutcome
}

/// A small sound adapter over HTTP, which flaws are laid over.
struct WebhookLike: Sendable {
    let token: Secret
    let environment: AdapterEnvironment

    func call(_ request: DeliveryRequest) -> HTTPRequest {
        HTTPRequest(
            url: request.endpoint.address,
            headers: [HTTPHeader("webhook-id", request.wireID), HTTPHeader("authorization", token.reveal())],
            body: request.content.bytes, connectTimeout: .milliseconds(100),
            timeout: min(.seconds(15), request.deadline - environment.clock.now),
            isIdempotent: true, network: .trusted)
    }

    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome {
        guard let json = try? request.content.json(), (try? DataContent(json: json)) != nil else {
            return .rejected(DeliveryFailure(.contentRejected, "no event"), of: .message)
        }
        return judge(try await environment.http.send(call(request)))
    }

    func judge(_ result: HTTPResult) -> DeliveryOutcome {
        switch result {
        case .reply(let reply) where (200...299).contains(reply.status): .accepted(Acceptance(code: "HTTP \(reply.status)"))
        case .reply(let reply) where reply.status == 429 || reply.status >= 500 || reply.status < 200:
            .deferred(DeliveryFailure(.providerUnavailable, "later"), retryAfter: reply.retryAfter)
        case .reply: .rejected(DeliveryFailure(.recipientInvalid, "refused"), of: .endpoint)
        case .failure(let failure) where failure.mayHaveArrived: .answerLost(DeliveryFailure(.answerLost, "lost"))
        case .failure(let failure) where failure.reason == .forbiddenAddress:
            .rejected(DeliveryFailure(.policy, "forbidden"), of: .endpoint)
        case .failure: .deferred(DeliveryFailure(.connection, "connection"))
        }
    }
}

struct FlawedAdapter<F: Flaw>: ChannelAdapter {
    static var descriptor: AdapterDescriptor {
        AdapterDescriptor(
            channel: .webhook, title: "Flawed", addressKind: .url, contentForm: .data, lostAnswer: .resend,
            settings: [FieldSpec("token", .string, required: true, secret: true, doc: "Any word.")])
    }

    let sound: WebhookLike

    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {
        sound = WebhookLike(token: settings.secret("token") ?? Secret(""), environment: environment)
    }

    static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        guard let url = WebURL(address) else { throw EndpointError("no URL") }
        return Endpoint(channel: .webhook, address: url.text)
    }

    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { try await F.deliver(request, by: sound) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }

    func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault] {
        guard let json = try? content.json(), (try? DataContent(json: json)) != nil else { return [Fault("content", "no event")] }
        return []
    }
}
