import AdapterKit
public import GatewayModel
import Signing
import Synchronization
import WorkflowEngine

/// Takes events while the main store is away: decides them by a copy of the rules, sends what has a legacy path, and keeps the rest.
///
/// It is a bridge of its own over a store beside the daemon; what it has taken joins the main store when that is back.
public final class Spool: Sendable {
    public let store: any SpoolStore
    public let configuration: SpoolConfiguration
    /// Of all who ask the main store while an answer from here would do as well.
    public let patience: Patience
    let bridge: QuoteBridge
    private let tokens: HMACSHA256
    private let statusNow = Mutex(SpoolStatus())

    /// - Parameters:
    ///   - main: what it stands beside.
    ///   - bridge: over the spool's own store.
    ///   - tokenKey: makes public tokens that are the same on every node, and that nobody else can make.
    public init(
        _ store: any SpoolStore, main: any MirroredStore, bridge: QuoteBridge, tokenKey: [UInt8],
        configuration: SpoolConfiguration = .init()
    )
        async throws(StoreError)
    {
        self.store = store
        self.bridge = bridge
        self.configuration = configuration
        patience = Patience(with: main, limit: configuration.patience)
        tokens = HMACSHA256(key: tokenKey)
        let held = try await store.spooledCount()
        let mirroredAt = try await store.mirroredAt()
        statusNow.withLock {
            $0.held = held
            $0.mirroredAt = mirroredAt
        }
    }

    public var status: SpoolStatus { statusNow.withLock { $0 } }

    func note(_ change: (inout SpoolStatus) -> Void) { statusNow.withLock { change(&$0) } }

    // MARK: Taking events

    /// Hands an event to the main store, and takes it here where that is away, or where an event of the same quote waits here already.
    func publish(
        _ event: QuoteEvent, id: EventID, organizationID: OrganizationID, apiKeyID: APIKeyID?, store main: any QuoteBridge.Store,
        _ publish: () async throws(BridgeError) -> PublishAnswer
    ) async throws(BridgeError) -> PublishAnswer {
        let acceptance = Acceptance(id: id, organizationID: organizationID, apiKeyID: apiKeyID, at: bridge.clock.now)
        if try await isAwaited(event, acceptance) {
            let isKnown: Bool
            do throws(StoreError) {
                isKnown = try await patience.ask { () async throws(StoreError) in
                    try await main.event(id, organizationID: organizationID) != nil
                }
            } catch {
                return try await take(event, acceptance, waits: error != .unavailable && error != .full)
            }
            // It is there again: what came before goes first, and soon.
            if !isKnown { return try await take(event, acceptance, waits: true) }
        }
        do throws(BridgeError) { return try await patience.attempt(publish) } catch {
            switch error {
            case .store(.unavailable), .store(.full): return try await take(event, acceptance, waits: false)
            // It may stand there: only the main store can tell.
            case .store(.outcomeUnknown): return try await take(event, acceptance, waits: true)
            default: throw error
            }
        }
    }

    /// Whether the event itself, or an earlier one of its quote, waits here.
    private func isAwaited(_ event: QuoteEvent, _ acceptance: Acceptance) async throws(BridgeError) -> Bool {
        guard status.held > 0 else { return false }
        return try await bridge.stored { () throws(StoreError) in
            if let quote = event.quoteID, try await store.holds(quote, organizationID: acceptance.organizationID) { return true }
            return try await store.store.event(acceptance.id, organizationID: acceptance.organizationID) != nil
        }
    }

    /// - Parameter waits: whether the main store has to be asked before anything is decided.
    private func take(_ event: QuoteEvent, _ acceptance: Acceptance, waits: Bool) async throws(BridgeError) -> PublishAnswer {
        let answer = try await bridge.take(event, id: acceptance.id, organizationID: acceptance.organizationID) {
            before async throws(BridgeError) in
            var event = event
            if event.trigger == DecisionTable.quoteSent, event.publicToken == nil, before?.tokenHash == nil {
                event.publicToken = event.quoteID.map { token(of: $0, acceptance.organizationID) }
            }
            return try await bridge.decide(event, acceptance, before: before, requiresAll: false) { context async throws(BridgeError) in
                try await plan(context, now: acceptance.at, waits: waits)
            }
        }
        if !answer.isDuplicate {
            note {
                $0.taken += 1
                $0.held += 1
            }
        }
        return answer
    }

    /// 192 bits that are the same wherever they are made.
    private func token(of quote: QuoteID, _ organizationID: OrganizationID) -> String {
        QuoteBridge.token(Array(tokens.code(for: organizationID.bits.bytes + Array(quote.text.utf8)).prefix(24)))
    }
}
