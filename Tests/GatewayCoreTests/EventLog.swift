import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit

/// Hears of everything, and lets a test wait for it.
final class EventLog: DeliveryObserver {
    private struct Heard {
        var events: [GatewayEvent] = []
        /// How many changes led to each state: counted here, because thousands may come.
        var changes: [DeliveryState: Int] = [:]
    }

    private let heard = Watched(Heard())

    func observe(_ event: GatewayEvent) {
        heard.withLock { heard in
            heard.events.append(event)
            if let state = event.changed?.state { heard.changes[state, default: 0] += 1 }
        }
    }

    var all: [GatewayEvent] { heard.withLock { $0.events } }

    func count(_ matches: (GatewayEvent) -> Bool) -> Int { all.count(where: matches) }

    /// What the first event gives that gives anything: one that was already heard, or one to come. Throws when the test's time is over.
    func first<Value: Sendable>(_ match: @escaping @Sendable (GatewayEvent) -> Value?) async throws -> Value {
        await heard.wait { $0.events.contains { match($0) != nil } }
        guard let value = all.lazy.compactMap(match).first else { throw CancellationError() }
        return value
    }

    /// Returns once `count` events match.
    func wait(for count: Int, _ matches: @escaping @Sendable (GatewayEvent) -> Bool) async throws {
        await heard.wait { $0.events.count(where: matches) >= count }
        try Task.checkCancellation()
    }

    /// Returns once `count` changes have led to that state.
    func wait(for count: Int, changesTo state: DeliveryState) async throws {
        await heard.wait { $0.changes[state] ?? 0 >= count }
        try Task.checkCancellation()
    }
}

extension GatewayEvent {
    var changed: Delivery? { if case .changed(let delivery) = self { delivery } else { nil } }
    var isAccountPaused: Bool { if case .accountPaused = self { true } else { false } }
    var isAccountResumed: Bool { if case .accountResumed = self { true } else { false } }
    var isLeaseLost: Bool { if case .leaseLost = self { true } else { false } }
    var isSettlementFailed: Bool { if case .settlementFailed = self { true } else { false } }
    var circuit: CircuitState? { if case .circuit(_, let state) = self { state } else { nil } }
    var failedCall: String? { if case .storeFailed(let during, _) = self { during } else { nil } }
}
