import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import Logging
import RedisTesting
import ServiceLifecycle
import Testing

@testable import RedisCoordination

/// Two dispatchers on one store, with Redis between them.
@Suite(.timeLimit(.minutes(3))) struct DispatchersTests {
    @Test func anIntakeWakesTheOtherNode() async throws {
        try await Fleet.with(2) { fleet in
            let store = InMemoryStore()
            let script = ProviderScript()
            // The first node only takes in.
            let intake = Dispatching(fleet.members[0], store, script, poll: nil)
            let worker = Dispatching(fleet.members[1], store, script, poll: nil)
            try await worker.running {
                for number in 1...20 {
                    try await intake.accept(1, in: store)
                    await script.waitForCalls(count: number)
                }
            }
        }
    }

    @Test func theLimitHoldsAndNothingIsLostWhileRedisIsKilledEmptiedAndHangs() async throws {
        try await Fleet.with(2) { fleet in
            let store = InMemoryStore()
            let script = ProviderScript()
            let rate = 100.0
            let nodes = fleet.members.map { Dispatching($0, store, script, rate: rate, poll: .milliseconds(500)) }
            let clock = ContinuousClock()
            let begun = clock.now
            try await nodes[0].running {
                try await nodes[1].running {
                    try await nodes[0].accept(1000, in: store)
                    await script.waitForCalls(count: 150)
                    await fleet.server.kill()
                    for member in fleet.members { await member.says("redis is away") }
                    await script.waitForCalls(count: 200)
                    try await fleet.server.start()
                    for member in fleet.members { await member.says("redis is back") }
                    await script.waitForCalls(count: 300)
                    try await fleet.server.run("FLUSHALL")
                    await script.waitForCalls(count: 400)
                    fleet.server.pause()
                    for member in fleet.members { await member.says("redis is away") }
                    await script.waitForCalls(count: 450)
                    fleet.server.resume()
                    for member in fleet.members { await member.says("redis is back") }
                    await script.waitForCalls(count: 1000)
                }
            }
            let elapsed = (clock.now - begun) / .seconds(1)
            // One at first, two because it was emptied by a crash and by hand, and each node's own in each of two outages.
            let bursts = 1 + 2 + 2 * 2
            #expect(Double(script.requests.count) <= rate * elapsed + rate * Double(bursts))
            #expect(script.requests.count == 1000 && Set(script.requests.map(\.deliveryID)).count == 1000, "each is sent once")
            let counts = try await store.counts(at: SystemClock().now, organizationID: nil)
            #expect(counts.unaccounted == 0 && counts.states[.email]?[.succeeded] == 1000)
        }
    }

    @Test func aCircuitThatOneNodeOpensKeepsTheOtherAway() async throws {
        try await Fleet.with(2) { fleet in
            let store = InMemoryStore()
            let down = ProviderScript([.outcome(.deferred(DeliveryFailure(.connection, "down")))])
            let first = Dispatching(fleet.members[0], store, down, poll: nil)
            let second = Dispatching(fleet.members[1], InMemoryStore(), down, poll: nil)
            try await first.running {
                try await first.accept(30, in: store)
                await second.metrics.circuitIsOpen()
                #expect(down.requests.count >= 20)
            }
        }
    }
}

/// A node's dispatcher with all that it needs.
private struct Dispatching: Sendable {
    let metrics = CircuitLog()
    private let intake: MessageIntake
    private let dispatcher: Dispatcher
    private let exchange: WakeExchange

    init(_ member: Member, _ store: InMemoryStore, _ script: ProviderScript, rate: Double? = nil, poll: Duration?) {
        let clock = SystemClock()
        let relay = WakeRelay()
        let policy = ChannelPolicy(lostAnswer: .resend, rate: rate)
        let channels = Channels([Channel(adapter: ScriptedAdapter(script), policy: policy)])
        let gate = SuppressionGate(store: store, clock: clock, observer: metrics)
        let reports = ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: metrics, wake: relay)
        intake = MessageIntake(
            store: store, factory: DeliveryFactory(channels: channels), gate: gate, clock: clock, observer: metrics, wake: relay)
        dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate, reports: reports, configuration: DispatchConfiguration(), clock: clock,
            observer: metrics, wake: relay, coordination: Coordination(rates: member.coordination, circuits: member.coordination))
        exchange = WakeExchange(relay, over: [member.coordination], poll: poll, clock: clock)
    }

    func accept(_ count: Int, in store: InMemoryStore) async throws {
        let now = SystemClock().now
        let organization = OrganizationID.make()
        let messages = (0..<count).map { number in
            NewMessage(
                id: .make(), organizationID: organization, category: .transactional, createdAt: now,
                deliveries: [
                    NewDelivery(
                        id: .make(), endpoint: Endpoint(channel: .email, address: "a\(number)@x.nl"),
                        content: RenderedContent(["subject": "s", "text": "t"]), origin: .api, orderingKey: nil, maxAttempts: 5,
                        deadline: now + .seconds(86_400), dueAt: now)
                ])
        }
        intake.announce(try await store.accept(messages))
    }

    /// Runs the dispatcher beside `body`, and stops it afterwards.
    func running(_ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: [exchange, dispatcher], logger: .init(label: "test"))
        let task = Task { try await group.run() }
        do { try await body() } catch {
            task.cancel()
            _ = try? await task.value
            throw error
        }
        await group.triggerGracefulShutdown()
        try await task.value
    }
}

/// Hears of an open circuit.
private final class CircuitLog: DeliveryObserver {
    private let states = Watched<[CircuitState]>([])

    func observe(_ event: GatewayEvent) {
        if case .circuit(_, let state) = event { states.withLock { $0.append(state) } }
    }

    func circuitIsOpen() async { await states.wait { $0.contains(.open) } }
}
