public import GatewayModel
import Synchronization

/// How long calls wait for the main store, which may be silent instead of refusing.
///
/// Once it was silent to one, nobody else waits for it, until it has answered a probe.
public final class Patience: Sendable {
    private let main: any MirroredStore
    private let limit: Duration
    private let isOver = Atomic<Bool>(false)

    init(with main: any MirroredStore, limit: Duration) {
        self.main = main
        self.limit = limit
    }

    /// Whether the main store keeps callers waiting, so that nobody asks it.
    public var isExhausted: Bool { isOver.load(ordering: .relaxed) }

    /// Asks the main store; throws `unavailable` at once while it is silent.
    public func ask<Value>(_ body: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        guard !isExhausted else { throw .unavailable }
        return try await waiting(body)
    }

    /// Hands something to the main store; throws `unavailable` at once while it is silent.
    func attempt<Value>(_ publish: () async throws(BridgeError) -> Value) async throws(BridgeError) -> Value {
        guard !isExhausted else { throw .store(.unavailable) }
        return try await waiting(publish)
    }

    /// Finds out whether the main store answers again, if it was silent.
    public func probe(_ body: () async throws(StoreError) -> Void) async {
        guard isExhausted else { return }
        do throws(StoreError) {
            try await waiting(body)
            isOver.store(false, ordering: .relaxed)
        } catch {}
    }

    private func waiting<Value, Failure>(_ body: () async throws(Failure) -> Value) async throws(Failure) -> Value {
        let end = ContinuousClock.now + limit
        let result: Result<Value, Failure> = await main.within(limit) {
            do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
        }
        // A store that is known to be away refuses at once.
        if case .failure = result, .now >= end { isOver.store(true, ordering: .relaxed) }
        return try result.get()
    }
}

extension QuoteBridge {
    /// Asks the store, which where there is a spool is not waited for longer than for a call about a quote.
    public func asking<Value>(_ body: () async throws(StoreError) -> Value) async throws(StoreError) -> Value {
        guard let spool else { return try await body() }
        return try await spool.patience.ask(body)
    }
}
