import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import ServiceLifecycle
import Synchronization
import Testing

/// Hears of every change, and lets a test wait for one.
final class ChangeLog: DeliveryObserver {
    private struct State {
        var changes: [Delivery] = []
        var watchers: [(matches: @Sendable (Delivery) -> Bool, continuation: CheckedContinuation<Delivery, Never>)] = []
    }

    private let state = Mutex(State())

    func observe(_ event: GatewayEvent) {
        guard case .changed(let delivery) = event else { return }
        let ready = state.withLock { state in
            state.changes.append(delivery)
            let ready = state.watchers.filter { $0.matches(delivery) }.map(\.continuation)
            state.watchers.removeAll { $0.matches(delivery) }
            return ready
        }
        for continuation in ready { continuation.resume(returning: delivery) }
    }

    /// The first change that matches, one that was already heard of or the next.
    func first(where matches: @escaping @Sendable (Delivery) -> Bool) async -> Delivery {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state in
                let known = state.changes.first(where: matches)
                if known == nil { state.watchers.append((matches, continuation)) }
                return known
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}

/// A dispatcher with a scripted provider, a store in memory and a clock that tests move.
struct DispatchBench: Sendable {
    let clock = ManualClock()
    let store = InMemoryStore()
    let log = ChangeLog()
    let relay = WakeRelay()
    let organizationID = OrganizationID.make()
    let adapter: ScriptedAdapter
    let gate: SuppressionGate
    let dispatcher: Dispatcher

    init(_ adapter: ScriptedAdapter, lostAnswer: LostAnswerPolicy = .resend, perEndpoint: Int = 8) {
        self.adapter = adapter
        gate = SuppressionGate(store: store, clock: clock, observer: log)
        let policy = ChannelPolicy(retry: RetryPolicy(jitter: 0), lostAnswer: lostAnswer, perEndpoint: perEndpoint)
        let channels = Channels([Channel(adapter: adapter, policy: policy)])
        dispatcher = Dispatcher(
            channels: channels, store: store, gate: gate,
            reports: ReportIngest(store: store, gate: gate, channels: channels, clock: clock, observer: log),
            configuration: DispatchConfiguration(), clock: clock, observer: log, wake: relay)
    }

    /// Accepts deliveries that are due now, and wakes the dispatcher.
    @discardableResult
    func accept(_ addresses: String...) async throws -> [DeliveryID] {
        let messages = addresses.map { address in
            NewMessage(
                id: .make(), organizationID: organizationID, createdAt: clock.now,
                deliveries: [
                    NewDelivery(
                        id: .make(), endpoint: Endpoint(channel: .email, address: address),
                        content: RenderedContent(["subject": "s", "text": "t"]),
                        origin: .api, maxAttempts: 5, deadline: clock.now + .seconds(86_400), dueAt: clock.now)
                ])
        }
        _ = try await store.accept(messages)
        relay.wake(.email, dueAt: clock.now)
        return messages.flatMap(\.deliveries).map(\.id)
    }

    /// Runs the dispatcher beside `body`, and stops it afterwards.
    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let service = Task { [dispatcher] in try await dispatcher.run() }
        defer { service.cancel() }
        try await body()
    }

    /// Moves the clock on in steps, ten minutes at the most, until the change comes.
    func first(_ step: Duration, where matches: @escaping @Sendable (Delivery) -> Bool) async -> Delivery {
        let end = clock.now + .seconds(600)
        let driver = Task {
            while !Task.isCancelled {
                if clock.now < end { clock.advance(by: step) }
                await Task.yield()
            }
        }
        defer { driver.cancel() }
        return await log.first(where: matches)
    }

    func delivery(_ id: DeliveryID) async throws -> Delivery { try #require(try await store.delivery(id, organizationID: nil)) }
}
