import AdapterKit

/// Channels that exist only to be planned for.
private func endpoint(_ channel: ChannelName, _ address: String) throws(EndpointError) -> Endpoint {
    guard address.contains(channel == .email ? "@" : channel == .whatsapp ? "+" : "://") else { throw EndpointError("is not an address") }
    return Endpoint(channel: channel, address: address.lowercased())
}

private func descriptor(_ channel: ChannelName, _ kind: AddressKind, _ form: ContentForm) -> AdapterDescriptor {
    AdapterDescriptor(channel: channel, title: channel.rawValue, addressKind: kind, contentForm: form, lostAnswer: .resend, settings: [])
}

struct StubMail: ChannelAdapter {
    static let descriptor = WorkflowEngineTests.descriptor(.email, .email, .mail)
    init() {}
    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {}
    static func endpoint(from address: String) throws(EndpointError) -> Endpoint { try WorkflowEngineTests.endpoint(.email, address) }
    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
}

struct StubChat: ChannelAdapter {
    static let descriptor = WorkflowEngineTests.descriptor(.whatsapp, .phone, .chat)
    init() {}
    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {}
    static func endpoint(from address: String) throws(EndpointError) -> Endpoint { try WorkflowEngineTests.endpoint(.whatsapp, address) }
    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
}

struct StubHook: ChannelAdapter {
    static let descriptor = WorkflowEngineTests.descriptor(.webhook, .url, .data)
    init() {}
    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {}
    static func endpoint(from address: String) throws(EndpointError) -> Endpoint { try WorkflowEngineTests.endpoint(.webhook, address) }
    func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault] {
        endpoint.address.contains("//10.") ? [Fault("to", "is not an address that may be called")] : []
    }
    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
}
