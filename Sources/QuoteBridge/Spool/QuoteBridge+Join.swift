import AdapterKit
import GatewayCore
public import GatewayModel
import WorkflowEngine

extension QuoteBridge {
    /// What joining needs of the main store.
    public typealias JoinedStore = OutboxWriting & OutboxReading & DeliveryChanging & StoreMaintaining

    /// Hands over to the main store what was taken while it was away, the events of each quote in their order; answers whether any are left.
    ///
    /// It can be broken off anywhere and begun anew: everything in it is written under ids that stay the same. Throws while the store is away.
    ///
    /// - Parameter tokens: where links lead that were made while the quote's own token could not be known.
    public func joinSpooled(into main: any JoinedStore, tokens: any QuoteTokenAdding) async throws(BridgeError) -> Bool {
        guard let spool, spool.status.held > 0 else { return false }
        try await stored { () throws(StoreError) in
            try await spool.patience.ask { () async throws(StoreError) in try await main.checkWritable() }
        }
        var blocked: Set<Subject> = []
        for spooled in try await stored({ () throws(StoreError) in try await spool.store.spooledEvents(limit: 200) }) {
            let subject = Subject(organizationID: spooled.event.organizationID, quoteID: spooled.event.quoteID)
            if spooled.event.quoteID != nil, blocked.contains(subject) { continue }
            do throws(BridgeError) {
                if try await !join(spooled, from: spool, into: main, tokens) { blocked.insert(subject) }
            } catch {
                guard case .store(let cause) = error, cause.isOfOneRow else { throw error }
                // It stays; whatever is wrong with it keeps no other quote's events.
                blocked.insert(subject)
                observer.observe(.storeFailed(during: "joining an event of the spool", cause))
            }
        }
        return spool.status.held > 0
    }

    private struct Subject: Hashable {
        var organizationID: OrganizationID
        var quoteID: QuoteID?
    }

    /// `false` while something of the event is being sent, here or there.
    private func join(
        _ spooled: SpooledEvent, from spool: Spool, into main: any JoinedStore, _ tokens: any QuoteTokenAdding
    ) async throws(BridgeError) -> Bool {
        let (id, organizationID) = (spooled.event.id, spooled.event.organizationID)
        let frozen = try await stored { () throws(StoreError) in try await spool.store.freeze(id, organizationID: organizationID) }
        guard let frozen else { return false }
        let named: Set<DeliveryID>
        do throws(BridgeError) { named = try await commit(spooled, frozen.deliveries) } catch {
            // Only what certainly never got there may go out from here again.
            if frozen.isFirst, error != .store(.outcomeUnknown) {
                try await stored { () throws(StoreError) in try await spool.store.thaw(id, organizationID: organizationID) }
            }
            throw error
        }
        try await keepLink(of: spooled, tokens)
        for one in frozen.deliveries {
            guard try await adopt(one, into: main, isNamed: named.contains(one.delivery.id), spool: spool) else { return false }
        }
        try await stored { () throws(StoreError) in try await spool.store.remove(id, organizationID: organizationID) }
        spool.note {
            $0.held -= 1
            $0.joined += 1
        }
        return true
    }

    // MARK: The event

    /// Writes the event into the main store, unless it is there; answers the deliveries that the decisions there name.
    private func commit(_ spooled: SpooledEvent, _ deliveries: [SpooledDelivery]) async throws(BridgeError) -> Set<DeliveryID> {
        guard let json = try? JSONValue(parsing: spooled.event.payload),
            var event = try? QuoteEvent(json, trigger: spooled.event.trigger, quoteID: spooled.event.quoteID, leavesOut: true)
        else { throw .store(.corrupt(what: "event")) }
        event.bodyHash = spooled.event.bodyHash
        let token = spooled.quote.flatMap(publicToken)
        var mayNameToken = true
        let acceptance = Acceptance(
            id: spooled.event.id, organizationID: spooled.event.organizationID, apiKeyID: spooled.event.apiKeyID,
            at: spooled.event.acceptedAt)
        for _ in 0..<Self.mostRounds {
            let before = try await quote(event, acceptance.organizationID)
            event.publicToken = mayNameToken && before?.tokenHash == nil ? token : nil
            let (commit, planned) = try await joined(event, acceptance, before: before, spooled, deliveries)
            switch try await stored({ () throws(StoreError) in try await store.commit(commit) }) {
            case .committed:
                intake.announce(planned, releasesOthers: commit.supersedes != nil)
                feed.publish(commit.activities)
                if !commit.event.isPlanned { deferred.raise() }
                return Set(commit.decisions.flatMap(\.deliveryIDs))
            case .duplicate(_, let decisions): return Set(decisions.flatMap(\.deliveryIDs))
            case .bodyConflict: return []
            case .tokenConflict: mayNameToken = false
            case .quoteChanged: continue
            }
        }
        throw .store(.unavailable)
    }

    /// The event as it is to be written: what was decided stays, what waited is decided now.
    private func joined(
        _ event: QuoteEvent, _ acceptance: Acceptance, before: Quote?, _ spooled: SpooledEvent, _ deliveries: [SpooledDelivery]
    ) async throws(BridgeError) -> (EventCommit, planned: [Delivery]) {
        // The store would have refused it. It was taken, and what was sent was sent; nothing more comes of it.
        let isTooLate = before?.state.isClosed == true && event.closes
        var planned: [Delivery] = []
        var (commit, _) = try await decide(event, acceptance, before: before, requiresAll: false) { context async throws(BridgeError) in
            let standing = spooled.decisions.filter { $0.outcome != .deferred }
            let open = spooled.decisions.filter { $0.outcome == .deferred }
            if open.isEmpty { return (Plan(decisions: standing), true) }
            if isTooLate { return (Plan(decisions: standing + open.map(\.superseded)), true) }
            let (plan, isPlanned) = try await plan(context, now: clock.now)
            guard isPlanned else { return (Plan(decisions: standing + open), false) }
            let rest = plan.leaving(spooled.decisions)
            planned = rest.messages.flatMap(\.accepted)
            return (Plan(decisions: standing + rest.decisions, messages: rest.messages), true)
        }
        commit.messages = deliveries.map { $0.message() } + commit.messages
        if isTooLate {
            commit.quote = nil
            commit.activities = []
            commit.quoteFiles = []
            commit.supersedes = nil
        }
        return (commit, planned)
    }

    /// The link that the mail or the answer has told goes on leading to the quote, which may have had another token all along.
    private func keepLink(of spooled: SpooledEvent, _ tokens: any QuoteTokenAdding) async throws(BridgeError) {
        guard let here = spooled.quote, let hash = here.tokenHash else { return }
        try await stored { () throws(StoreError) in
            let there = try await store.quote(here.id, organizationID: here.organizationID)
            guard let there, there.tokenHash != hash else { return }
            try await tokens.add(tokenHash: hash, to: there.id, organizationID: there.organizationID)
        }
    }

    // MARK: Its deliveries

    /// Gives a delivery its past; answers `false` while the main store's own is being sent.
    ///
    /// - Parameter isNamed: whether it comes of a decision that stands in the main store; else another was taken there.
    private func adopt(
        _ one: SpooledDelivery, into main: any JoinedStore, isNamed: Bool, spool: Spool
    ) async throws(BridgeError) -> Bool {
        try await stored { () throws(StoreError) in
            for _ in 0..<Self.mostRounds {
                var standing = try await main.delivery(one.delivery.id, organizationID: one.delivery.organizationID)
                if standing == nil {
                    // Decided otherwise there: what was not tried here is not sent at all.
                    if one.attempts.isEmpty { return true }
                    standing = try await accept(one, into: main)
                }
                guard let standing else { throw .unavailable }
                let journal = try await main.attempts(of: standing.id)
                guard let merged = one.merge(into: standing, journal: journal, isBesideAnother: !isNamed) else { return true }
                if standing.lease != nil { return false }
                let result = try await main.apply(
                    merged.change, to: standing, attempts: merged.attempts, audit: merged.isRepeat ? repeated(standing) : nil)
                guard case .applied(let changed) = result else { continue }
                if merged.isRepeat { spool.note { $0.duplicates += 1 } }
                observer.observe(.changed(changed))
                return true
            }
            throw .unavailable
        }
    }

    private func accept(_ one: SpooledDelivery, into main: any JoinedStore) async throws(StoreError) -> Delivery? {
        switch try await main.accept([one.message(idempotencyKey: "spool:\(one.delivery.id)")]).first {
        case .created(let deliveries), .duplicate(_, let deliveries): deliveries.first
        case .conflict, nil: nil
        }
    }

    private func repeated(_ delivery: Delivery) -> AuditEntry {
        AuditEntry(
            id: .make(), at: clock.now, organizationID: delivery.organizationID, actor: "system", action: "spool.duplicate",
            subject: "delivery:\(delivery.id)")
    }
}

extension Decision {
    fileprivate var superseded: Decision {
        var decision = self
        decision.outcome = .suppressed
        decision.reason = .superseded
        return decision
    }
}

extension StoreError {
    /// It lies in what is read or written, and not in the store as a whole.
    fileprivate var isOfOneRow: Bool {
        switch self {
        case .corrupt, .driver: true
        case .unavailable, .outcomeUnknown, .full, .schema: false
        }
    }
}
