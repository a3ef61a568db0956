import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Logging
import ServiceLifecycle
import StoreBackends
import StoreConformance
import Testing

/// An outbox on paper time: a real store, scripted providers, and a clock that tests move from one known time to the next.
struct OutboxBench: Sendable {
    let clock: ManualClock
    let store: WatchedStore
    let harness: StoreHarness
    let channels: Channels
    let configuration: DispatchConfiguration
    let log = EventLog()
    let relay = WakeRelay()
    let gate: SuppressionGate
    let reports: ReportIngest
    let intake: MessageIntake
    let control: DeliveryControl
    let organizationID = OrganizationID.make()
    let start: Timestamp

    private init(
        _ store: any OutboxStore, harness: StoreHarness, clock: ManualClock, channels: Channels, configuration: DispatchConfiguration
    ) {
        self.clock = clock
        self.harness = harness
        self.channels = channels
        self.configuration = configuration
        let store = WatchedStore(store)
        self.store = store
        start = clock.now
        gate = SuppressionGate(store: store, clock: clock, observer: log)
        reports = ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: log, wake: relay)
        intake = MessageIntake(
            store: store, factory: DeliveryFactory(channels: channels), gate: gate, clock: clock, observer: log, wake: relay)
        control = DeliveryControl(store: store, channels: channels, clock: clock, observer: log, wake: relay)
    }

    /// Opens a new store of that kind for `body`, and closes it afterwards. Nothing runs yet.
    static func with(
        _ channels: [Channel], on backend: Backend = .memory, configuration: DispatchConfiguration = DispatchConfiguration(),
        _ body: (OutboxBench) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let folder = try TestFolder(clock: clock)
        defer { folder.remove() }
        let harness = backend.harness(in: folder)
        let store = try await harness.open()
        let bench = OutboxBench(store, harness: harness, clock: clock, channels: Channels(channels), configuration: configuration)
        do {
            try await body(bench)
            try await bench.expectAccountsBalanced()
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// What another daemon finds after `node` was killed: the store as it lies there now, whatever the node would still have written.
    func afterKill(of node: Node, channels: [Channel], _ body: (OutboxBench) async throws -> Void) async throws {
        guard let base = store.base as? any GatewayStore else { throw StoreError.unavailable }
        let copy = try await harness.reopen(base)
        await node.kill()
        let bench = OutboxBench(copy, harness: harness, clock: clock, channels: Channels(channels), configuration: configuration)
        do { try await body(bench) } catch {
            await copy.close()
            throw error
        }
        await copy.close()
    }

    /// A node at work on the store: dispatcher and maintenance, with a relay of its own.
    func node(longestWait: Duration? = nil) -> Node { Node(self, longestWait: longestWait) }

    /// Runs a node beside `body`, and stops it afterwards.
    func running(_ body: (Node) async throws -> Void) async throws {
        let node = node()
        do { try await body(node) } catch {
            store.letGo()
            await node.kill()
            throw error
        }
        await node.kill()
    }

    func expectAccountsBalanced(_ location: SourceLocation = #_sourceLocation) async throws {
        let counts = try await store.counts(at: clock.now, organizationID: nil)
        #expect(counts.unaccounted == 0, "every accepted delivery is in exactly one state", sourceLocation: location)
    }
}

/// A dispatcher and its maintenance, running until they are told to stop.
struct Node: Sendable {
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    init(_ bench: OutboxBench, longestWait: Duration?) {
        let dispatcher = Dispatcher(
            channels: bench.channels, store: bench.store, gate: bench.gate, reports: bench.reports, configuration: bench.configuration,
            clock: bench.clock, observer: bench.log, wake: bench.relay)
        let maintenance = Maintenance(
            store: bench.store, channels: bench.channels, reports: bench.reports, retention: RetentionPolicy(), longestWait: longestWait,
            clock: bench.clock, observer: bench.log, wake: bench.relay, isHeldHere: dispatcher.holds)
        let group = ServiceGroup(services: [maintenance, dispatcher], logger: Logger(label: "test"))
        self.group = group
        task = Task { try await group.run() }
    }

    /// Asks it to stop; attempts have the grace to end.
    func stop() async { await group.triggerGracefulShutdown() }

    /// Returns when it has stopped.
    func ended() async { _ = try? await task.value }

    /// Ends it at once: attempts under way are cut off.
    func kill() async {
        task.cancel()
        await ended()
    }
}

// MARK: - What happens

extension OutboxBench {
    /// Accepts deliveries as a caller's messages, due now or after `delay`, and wakes whoever works.
    @discardableResult
    func accept(
        _ addresses: String..., channel: ChannelName = .email, after delay: Duration = .zero, for organization: OrganizationID? = nil,
        orderingKey: String? = nil, deadline: Duration = .seconds(86_400), maxAttempts: Int = 5, category: MessageCategory = .transactional,
        reminderOf quote: QuoteID? = nil
    ) async throws -> [DeliveryID] {
        let messages = addresses.map { address in
            var delivery = NewDelivery(
                id: .make(), endpoint: Endpoint(channel: channel, address: address),
                content: RenderedContent(["subject": "s", "text": "t"]),
                origin: .api, orderingKey: orderingKey, maxAttempts: maxAttempts, deadline: clock.now + deadline, dueAt: clock.now + delay)
            delivery.quoteID = quote
            delivery.isDelayedStep = quote != nil
            return NewMessage(
                id: .make(), organizationID: organization ?? organizationID, category: category, createdAt: clock.now,
                deliveries: [delivery])
        }
        intake.announce(try await store.accept(messages))
        return messages.flatMap { $0.deliveries.map { $0.id } }
    }

    /// Waits for a change of that delivery; whatever happens, the accounts balance.
    @discardableResult
    func change(
        of id: DeliveryID, where matches: @escaping @Sendable (Delivery) -> Bool, _ location: SourceLocation = #_sourceLocation
    ) async throws -> Delivery {
        let delivery = try await log.first { event in event.changed.flatMap { $0.id == id && matches($0) ? $0 : nil } }
        try await expectAccountsBalanced(location)
        return delivery
    }

    @discardableResult
    func change(of id: DeliveryID, to state: DeliveryState, _ location: SourceLocation = #_sourceLocation) async throws -> Delivery {
        try await change(of: id, where: { $0.state == state }, location)
    }

    /// Makes a stored delivery unreadable.
    func spoil(_ id: DeliveryID) async throws {
        guard let base = store.base as? any GatewayStore else { throw StoreError.unavailable }
        try await harness.spoil(id, base)
    }

    func delivery(_ id: DeliveryID) async throws -> Delivery { try #require(try await store.delivery(id, organizationID: nil)) }

    /// Waits until somebody sleeps until `seconds` after the start, and moves the time there.
    func advance(to seconds: Double) async { await clock.advance(toSleeperAt: at(seconds)) }

    func at(_ seconds: Double) -> Timestamp { start + .microseconds(Int64(seconds * 1_000_000)) }

    func suppress(_ address: String, channel: ChannelName = .email, scope: SuppressionScope = .organization) async throws {
        let suppression = Suppression(
            id: .make(), organizationID: organizationID, endpoint: Endpoint(channel: channel, address: address), scope: scope,
            reason: .optOut, actor: "test", createdAt: clock.now)
        try await gate.suppress(suppression, audit: nil)
    }

    var actor: DeliveryControl.Actor { .init(name: "test", organizationID: nil) }
}

extension Channel {
    /// A mail channel; what is not said is as small and exact as tests like it.
    static func mail(
        _ script: ProviderScript = ProviderScript(), lostAnswer: LostAnswerPolicy = .resend, concurrency: Int = 64, perEndpoint: Int = 8,
        rate: Double? = nil, circuit: CircuitPolicy = CircuitPolicy(), scope: CircuitScope = .account, poisonClaims: Int = 10
    ) -> Channel {
        Channel(
            adapter: ScriptedAdapter(script),
            policy: ChannelPolicy(
                retry: RetryPolicy(jitter: 0), lostAnswer: lostAnswer, quietTime: .seconds(600), concurrency: concurrency,
                perEndpoint: perEndpoint, rate: rate, circuitScope: scope, circuit: circuit, poisonClaims: poisonClaims))
    }

    /// A chat channel: lost answers are parked.
    static func chat(_ script: ProviderScript = ProviderScript(), lostAnswer: LostAnswerPolicy = .reconcile) -> Channel {
        Channel(
            adapter: ScriptedChatAdapter(script), policy: ChannelPolicy(retry: RetryPolicy(jitter: 0), lostAnswer: lostAnswer))
    }
}

extension ProviderScript.Answer {
    static let soft = Self.outcome(.deferred(.soft))
    static let lost = Self.outcome(.answerLost(DeliveryFailure(.answerLost, "no answer")))
    static let fault = Self.outcome(.channelFault(DeliveryFailure(.authentication, code: "535", "no")))
    static let hang = Self.hang(then: .accepted(Acceptance()))
}

extension DeliveryRequest {
    /// When the try began.
    var startedAt: Timestamp { deadline - .seconds(30) }
}

extension DeliveryControl.Answer {
    var delivery: Delivery? { if case .done(let delivery) = self { delivery } else { nil } }
}

extension MessageIntake.Answer {
    var deliveries: [Delivery]? { if case .accepted(_, let deliveries, _) = self { deliveries } else { nil } }
}
