import AdapterKit
import GatewayModel
import GatewayTestKit
import StoreBackends
import Testing

@testable import PostgresClient
@testable import PostgresStore

/// What the statements of the hot path cost, and that it is the same whatever else is in the store.
@Suite(.timeLimit(.minutes(10))) struct PostgresPlanTests {
    private let hot = Given.organization(1)

    private func withStore(_ body: (PostgresStore, PostgresDatabase) async throws -> Void) async throws {
        try await PostgresDatabase.with { database in
            let store = try await database.store()
            do {
                try await body(store, database)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    /// The plan of a statement, run and taken back: its nodes and how many pages it touched.
    private func plan<Output>(
        _ statement: PostgresStatement<Output>, in store: PostgresStore, over pool: PostgresPool? = nil
    ) async throws -> (text: String, pages: Int) {
        let explained = PostgresStatement<[String]>(
            SQL(once: "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) " + statement.sql.text), statement.parameters
        ) { result in try result.all { row in try row.read(String.self) } }
        let lines = try await (pool ?? store.workers).withTransaction { transaction throws(PostgresError) in
            .rollBack(try await transaction.run(explained))
        }
        let text = lines.joined(separator: "\n")
        let buffers = try #require(lines.first { $0.contains("Buffers: shared") })
        let pages = buffers.split(separator: " ").compactMap { word -> Int? in
            word.hasPrefix("hit=") || word.hasPrefix("read=") ? Int(word.split(separator: "=")[1]) : nil
        }
        return (text, pages.reduce(0, +))
    }

    private func claim(_ limit: Int, at now: Timestamp = Given.at(1)) -> PostgresStatement<[ClaimStatements.Picked]> {
        ClaimStatements.pick(Given.claim(limit, at: now), limit: limit, memory: ChannelMemory(), days: [Day(Given.start)])
    }

    private func fill(_ store: PostgresStore, _ count: Int, _ make: (Int) -> NewMessage) async throws {
        for start in stride(from: 0, to: count, by: 1000) {
            _ = try await store.accept((start..<min(start + 1000, count)).map(make))
        }
    }

    private func settleAll(_ store: PostgresStore) async throws {
        while true {
            let claimed = try await store.claim(Given.claim(500)).deliveries
            if claimed.isEmpty { return }
            _ = try await store.settle(claimed.map { $0.succeeded() })
        }
    }

    @Test func aClaimCostsTheSameWhateverElseIsThere() async throws {
        try await withStore { store, database in
            try await fill(store, 20) { _ in Given.message(of: hot) }
            try await database.run("VACUUM ANALYZE")
            let alone = try await plan(claim(10), in: store).pages
            // Settled, due later, of another organization, on another channel.
            let other = Given.organization(2)
            try await fill(store, 3000) { _ in Given.message(of: other) }
            try await settleAll(store)
            try await fill(store, 20) { _ in Given.message(of: hot) }
            try await fill(store, 10_000) { index in
                Given.message([Given.delivery(dueAt: Given.at(Int64(3600 + index)))], of: Given.organization(UInt64(index % 500 + 10)))
            }
            try await fill(store, 10_000) { _ in Given.message(of: other) }
            try await fill(store, 5000) { _ in Given.message([Given.delivery(channel: .webhook)], of: hot) }
            try await database.run("VACUUM ANALYZE")
            let amongMany = try await plan(claim(10), in: store).pages
            #expect(amongMany <= alone * 2, "\(alone) pages grew to \(amongMany)")
        }
    }

    /// However short the queue is: a plan that reads all of it is kept while it grows.
    @Test(arguments: [1000, 10_000]) func noStatementOfTheHotPathReadsATableFromEndToEnd(count: Int) async throws {
        try await withStore { store, database in
            try await fill(store, count) { index in
                Given.message(
                    [Given.delivery(orderingKey: index % 50 == 0 ? "k\(index % 1000)" : nil)],
                    of: Given.organization(UInt64(index % 20 + 1)))
            }
            try await fill(store, count / 10) { index in
                Given.message([Given.delivery(dueAt: Given.at(Int64(60 + index)))], of: Given.organization(UInt64(index % 20 + 1)))
            }
            try await database.run("VACUUM ANALYZE")
            let claimed = try await store.claim(Given.claim(500)).deliveries
            #expect(claimed.count == 500)
            let days: Set<Day> = [Day(Given.start)]
            let lanes: Set<Lane> = [Lane(organizationID: hot, key: "k0")]
            let ending = Dependents.Ending(id: claimed[0].delivery.id, organizationID: hot, effect: .cancel, at: Given.start)
            let plans = [
                try await plan(claim(500), in: store),
                try await plan(ClaimStatements.promote(.email, from: Given.start, to: Given.at(600), limit: 500), in: store),
                try await plan(ClaimStatements.waiting(.email, from: Given.start, at: Given.start), in: store),
                try await plan(SettleStatements.settle(claimed.map { $0.succeeded() }, days: days, all: false), in: store),
                try await plan(SettleStatements.settle(claimed.prefix(1).map { $0.succeeded() }, days: days, all: true), in: store),
                try await plan(Lanes.lock(lanes), in: store), try await plan(Lanes.advance(lanes), in: store),
                try await plan(Dependents.standingBy(for: [ending]), in: store),
                try await plan(PostgresStore.mark(claimed.map(\.reference), at: Given.start), in: store),
                try await plan(PostgresStore.renew(claimed.map(\.reference), until: Given.at(90)), in: store),
                try await plan(PostgresStore.release(claimed.map(\.reference), dueAt: nil, at: Given.start), in: store),
                try await plan(Counting.oldestDue(nil, at: Given.start), in: store, over: store.pool),
                try await plan(Counting.oldestDue(hot, at: Given.start), in: store, over: store.pool),
            ]
            for (text, _) in plans {
                let scans = text.split(separator: "\n").filter { line in
                    line.contains("Seq Scan on outbox") || line.contains("Seq Scan on deliveries_")
                        || line.contains("Seq Scan on contents_")
                }
                #expect(scans.isEmpty, "\(text)")
            }
        }
    }

    @Test func fiveHundredDeliveriesTakeThreeStatements() async throws {
        try await withStore { store, _ in
            try await fill(store, 1500) { _ in Given.message(of: hot) }
            // The first round prepares, and looks for what waits.
            for round in 0..<3 {
                let before = store.workers.statistics
                let claimed = try await store.claim(Given.claim(500)).deliveries
                #expect(claimed.count == 500)
                #expect(try await store.settle(claimed.map { $0.succeeded() }).count == 500)
                let after = store.workers.statistics
                if round > 0 {
                    #expect(after.statements - before.statements == 3)
                    #expect(after.roundTrips - before.roundTrips == 2)
                    #expect(after.preparations - before.preparations == 0)
                }
            }
        }
    }

    /// One organization with a million pending never delays another's ten by more than one batch.
    @Test func aSmallOrganizationIsServedByTheNextClaim() async throws {
        try await withStore { store, _ in
            try await fill(store, 10_000) { _ in Given.message(of: hot) }
            for _ in 0..<3 { #expect(try await store.claim(Given.claim(500)).deliveries.count == 500) }
            let other = Given.organization(2)
            try await fill(store, 10) { _ in Given.message(of: other) }
            let claimed = try await store.claim(Given.claim(500)).deliveries
            #expect(claimed.count == 500)
            #expect(claimed.count { $0.delivery.organizationID == other } == 10)
        }
    }

    /// Nor does it when a million have been waiting for the same minute.
    @Test func aSmallOrganizationIsServedThoughManyComeDueAtOnce() async throws {
        try await withStore { store, _ in
            try await fill(store, 10_000) { _ in Given.message([Given.delivery(dueAt: Given.at(600))], of: hot) }
            let other = Given.organization(2)
            try await fill(store, 10) { _ in Given.message([Given.delivery(dueAt: Given.at(601))], of: other) }
            let claimed = try await store.claim(Given.claim(100, at: Given.at(602))).deliveries
            #expect(claimed.count == 100)
            #expect(claimed.count { $0.delivery.organizationID == other } == 10)
        }
    }

    @Test func whatComesToStandBeforeTheMarkIsSeenOnceTheMarkIsForgotten() async throws {
        try await withStore { store, _ in
            try await fill(store, 40) { _ in Given.message(of: hot) }
            let first = try await store.claim(Given.claim(10)).deliveries
            try await store.release(first.map(\.reference), dueAt: nil)
            var ids: Set<DeliveryID> = []
            // The rest, and at its end what was put back before it.
            for _ in 0..<4 { ids.formUnion(try await store.claim(Given.claim(10)).deliveries.map(\.delivery.id)) }
            #expect(ids.count == 40)
            #expect(try await store.claim(Given.claim(10)).deliveries == [])
        }
    }
}
