import AdapterKit
public import GatewayModel
import PostgresClient

extension PostgresStore: OutboxClaiming {
    public func claim(_ request: ClaimRequest) async throws(StoreError) -> Claim {
        guard request.limit > 0 else { return Claim() }
        var claim = Claim()
        var hasMore = true
        var promotes = dispatch.change(request.channel) { memory in
            memory.begin(at: request.now)
            return memory.mayBeDue(at: request.now)
        }
        // Each round but the last finds something, or forgets what was remembered; a few are enough for any share that is left over.
        for _ in 0..<8 where hasMore {
            let round = try await pick(request, limit: request.limit - claim.count, promotes: promotes)
            claim.deliveries += round.deliveries
            claim.undecodable += round.undecodable
            claim.nextDue = round.waiting?.next
            promotes = round.waiting?.earliest.map { $0 <= request.now } ?? false
            hasMore = claim.count < request.limit && (round.mayHaveMore || promotes)
        }
        claim.isFull = claim.count >= request.limit || hasMore
        return claim
    }

    private struct Round: Sendable {
        var deliveries: [ClaimedDelivery] = []
        var undecodable: [LeaseReference] = []
        var waiting: ClaimStatements.Waiting?
        var mayHaveMore = false
    }

    private func pick(_ request: ClaimRequest, limit: Int, promotes: Bool) async throws(StoreError) -> Round {
        let memory = dispatch.read(request.channel) { $0 }
        let days = dispatch.days(at: request.now)
        let start = memory.looksFrom(at: request.now)
        let pick = ClaimStatements.pick(request, limit: limit, memory: memory, days: days)
        let look = ClaimStatements.waiting(request.channel, from: start, at: request.now)
        let promote = ClaimStatements.promote(request.channel, from: start, to: request.now, limit: 4 * request.limit)
        let (picked, waiting) = try await write("delivery", over: workers) { pool async throws(PostgresError) in
            guard promotes else { return try await pool.run(pick, look, retry: .onConflict) }
            let (_, picked, waiting) = try await pool.run(promote, pick, look, retry: .onConflict)
            return (picked, waiting)
        }
        let rows = picked.map(\.row)
        dispatch.change(request.channel) { memory in
            memory.looked(from: start, at: request.now, earliest: waiting?.earliest)
            memory.took(rows, isFull: rows.count >= limit, at: request.now)
        }
        var round = Round(waiting: waiting)
        // Rows may have come to stand before the places from which the claim looked.
        round.mayHaveMore = rows.count < limit && (!memory.places.isEmpty || hasSecondShare(picked, limit: limit))
        for row in try await complete(rows, days: days, at: request.now) {
            if let claimed = row.claimed { round.deliveries.append(claimed) } else { round.undecodable.append(row.reference) }
        }
        return round
    }

    /// Whether an organization was given more than its first share, so that it may have still more.
    private func hasSecondShare(_ picked: [ClaimStatements.Picked], limit: Int) -> Bool {
        guard let lanes = picked.first?.lanes, lanes > 1 else { return false }
        var counts: [OrganizationID: Int] = [:]
        for one in picked { counts[one.row.organizationID, default: 0] += 1 }
        return counts.values.contains { $0 > max(limit / lanes, 1) }
    }

    /// The rows with what stands on days that were not looked at.
    func complete(_ rows: [LeasedRow], days: Set<Day>, at now: Timestamp) async throws(StoreError) -> [LeasedRow] {
        dispatch.note(days: Set(rows.map(\.day)), at: now)
        let missed = rows.filter { !days.contains($0.day) }
        if missed.isEmpty { return rows }
        let found = try await leased(missed.map(\.reference.deliveryID), on: Set(missed.map(\.day)))
        let byID = Dictionary(found.map { ($0.reference, $0) }) { first, _ in first }
        return rows.map { days.contains($0.day) ? $0 : byID[$0.reference] ?? $0 }
    }

    /// Rows that are leased, with their deliveries.
    func leased(_ ids: [DeliveryID], on days: Set<Day>) async throws(StoreError) -> [LeasedRow] {
        try await read("delivery", .rows(LeasedRow.byID, Column(days), Column(ids), read: LeasedRow.read))
    }
}

extension Claim {
    fileprivate var count: Int { deliveries.count + undecodable.count }
}
