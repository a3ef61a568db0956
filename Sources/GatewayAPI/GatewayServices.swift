public import AdapterKit
public import GatewayCore
public import GatewayModel
public import QuoteBridge

/// Everything that the calls need of the gateway they are made to.
public struct GatewayServices: Sendable {
    public var store: any GatewayStore
    public var intake: MessageIntake
    public var control: DeliveryControl
    public var gate: SuppressionGate
    public var reports: ReportIngest
    public var channels: Channels
    public var bridge: QuoteBridge
    public var metrics: Metrics
    public var feed: StatusFeed
    public var observer: any DeliveryObserver
    public var clock: any WallClock
    public let stop = StopFlag()
    /// How the coordination with other nodes is doing, where there is any.
    public var coordination: (any CoordinationStatus)?

    public init(
        store: any GatewayStore, intake: MessageIntake, control: DeliveryControl, gate: SuppressionGate, reports: ReportIngest,
        channels: Channels,
        bridge: QuoteBridge, metrics: Metrics, feed: StatusFeed, observer: any DeliveryObserver, clock: any WallClock
    ) {
        self.store = store
        self.intake = intake
        self.control = control
        self.gate = gate
        self.reports = reports
        self.channels = channels
        self.bridge = bridge
        self.metrics = metrics
        self.feed = feed
        self.observer = observer
        self.clock = clock
    }
}

extension GatewayServices {
    /// The name under which a quote's customer knows the organization.
    func organizationName(for quote: Quote) async throws -> String {
        if let said = quote.fields["organizationName"]?.stringValue { return said }
        return try await store.organization(quote.organizationID)?.name ?? ""
    }
}
