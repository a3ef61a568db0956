import AdapterKit
import GatewayCore
import GatewayModel
import PostgresStore
import Synchronization

/// The engine at work on a channel that costs nothing.
enum Dispatching {
    static func drain(_ store: PostgresStore, _ count: Int) async throws -> [String: Double] {
        let (ended, observer) = AsyncStream.makeStream(of: Void.self)
        let counter = Counter(until: count) { observer.finish() }
        let channels = Channels([Channel(adapter: AcceptingAdapter())])
        let (clock, wake) = (store.clock, WakeRelay())
        let gate = SuppressionGate(store: store, clock: clock, observer: counter)
        let dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate,
            reports: ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: counter, wake: wake),
            configuration: DispatchConfiguration(), clock: clock, observer: counter, wake: wake)
        let running = Task { try await dispatcher.run() }
        for await _ in ended {}
        running.cancel()
        try await running.value
        return ["rows": Double(counter.count)]
    }
}

/// Tells when enough deliveries have succeeded.
private final class Counter: DeliveryObserver {
    private let limit: Int
    private let onEnd: @Sendable () -> Void
    private let succeeded = Atomic<Int>(0)

    init(until limit: Int, onEnd: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.onEnd = onEnd
    }

    var count: Int { succeeded.load(ordering: .relaxed) }

    func observe(_ event: GatewayEvent) {
        guard case .changed(let delivery) = event, delivery.state == .succeeded else { return }
        if succeeded.wrappingAdd(1, ordering: .relaxed).newValue == limit { onEnd() }
    }
}

/// A provider that accepts whatever it is given.
private final class AcceptingAdapter: ChannelAdapter {
    static let descriptor = AdapterDescriptor(
        channel: .webhook, title: "Nothing", addressKind: .url, contentForm: .data, lostAnswer: .resend, concurrency: 256,
        perEndpoint: 256, settings: [])

    init() {}
    init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {}

    static func endpoint(from address: String) throws(EndpointError) -> Endpoint { Endpoint(channel: .webhook, address: address) }

    func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
    func probe() async throws(CancellationError) -> DeliveryOutcome { .accepted(Acceptance()) }
}
