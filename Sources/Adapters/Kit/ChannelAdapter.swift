/// One channel: a request into the provider's terms, its answer back into ours.
///
/// An adapter translates and does nothing else. It may not retry, sleep, persist, start tasks, read the environment, open sockets, log
/// addresses or bodies, or choose suppression; transports, clock and logger are lent to it. There are no associated types, so the installed
/// channels are simply `[any ChannelAdapter.Type]`.
public protocol ChannelAdapter: Sendable {
    /// What the channel is and can do; core, API and console read it instead of knowing the channel.
    static var descriptor: AdapterDescriptor { get }

    /// Makes an adapter for one account. Throws every fault of its settings.
    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults)

    /// The canonical endpoint of an address as people write it.
    static func endpoint(from address: String) throws(EndpointError) -> Endpoint

    /// Makes one try. Whatever the provider does is an outcome; only cancellation is thrown.
    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome

    /// Connects and authenticates and sends nothing; `accepted` when the account could send.
    func probe() async throws(CancellationError) -> DeliveryOutcome

    /// Every reason known beforehand why this content cannot be delivered. Pure; asked when a delivery is planned.
    func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault]
}

extension ChannelAdapter {
    public func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault] { [] }
}

/// A channel whose provider calls back with reports, replies and opt-outs.
public protocol CallbackReceiving: ChannelAdapter {
    /// Verifies and reads one call. A forged one is a result too: its status says what to answer, and it carries no news.
    func receive(_ callback: InboundCallback) -> CallbackResult
}
