import AdapterKit
import GatewayModel
import GatewayTestKit
import PostgresClient
import StoreBackends
import Testing

@testable import PostgresStore

/// How days of history come and go.
@Suite(.timeLimit(.minutes(5))) struct PostgresRetentionTests {
    private func withStore(at now: Timestamp = Given.start, _ body: (PostgresStore, PostgresDatabase) async throws -> Void) async throws {
        try await PostgresDatabase.with { database in
            let store = try await database.store(clock: ManualClock(now: now))
            do {
                try await body(store, database)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    private func days(_ database: PostgresDatabase, of table: String = "deliveries") async throws -> [String] {
        try await database.values("SELECT day::text FROM unnest(gateway.partition_days('\(table)')) AS day", as: String.self)
    }

    /// One delivery of that day, settled on it.
    private func settled(_ store: PostgresStore, onDay day: Int64, key: String? = nil) async throws -> Delivery {
        let message = Given.message(key: key, createdAt: Given.day(day))
        _ = try await store.accept([message])
        let claimed = try #require(try await store.claim(Given.claim(1, at: Given.day(day))).deliveries.first)
        #expect(try await store.settle([claimed.succeeded(at: Given.day(day), providerID: "p\(day)")]).count == 1)
        return claimed.delivery
    }

    @Test func daysAreMadeAheadAndWhenARowNeedsOne() async throws {
        try await withStore { store, database in
            #expect(try await days(database) == ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"])
            _ = try await store.accept([Given.message([Given.delivery(), Given.delivery(dueAt: Given.day(30))])])
            #expect(try await days(database).last == "2026-03-31")
            // Much later is kept as if it were a year and a day later.
            _ = try await store.accept([Given.message([Given.delivery(dueAt: Given.day(40_000))])])
            #expect(try await days(database).last == "2027-03-02")
        }
    }

    @Test func manyMakersOfADayDoNotFail() async throws {
        try await withStore { store, database in
            let others = try await [database.store(), database.store()]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<9 {
                    group.addTask {
                        let store = ([store] + others)[number % 3]
                        let message = Given.message([Given.delivery(dueAt: Given.day(20 + Int64(number % 2)))])
                        let accepted = try await store.accept([message])
                        #expect(accepted == [.created(message.accepted)])
                    }
                }
                try await group.waitForAll()
            }
            for other in others { await other.close() }
            #expect(try await days(database).suffix(2) == ["2026-03-21", "2026-03-22"])
        }
    }

    @Test func aDayThatWasDroppedBehindOurBackIsMadeAgain() async throws {
        try await withStore { store, database in
            try await database.run(
                "DROP TABLE gateway.deliveries_20260302, gateway.messages_20260302, gateway.contents_20260302",
                "DROP TABLE gateway.attempts_20260302, gateway.reports_20260302")
            let message = Given.message(createdAt: Given.day(1))
            #expect(try await store.accept([message]) == [.created(message.accepted)])
        }
    }

    @Test func anOldDayIsDroppedWithAllThatNamesIt() async throws {
        try await withStore { store, database in
            let old = try await settled(store, onDay: 0, key: "k")
            let report = StoredReport(
                id: .make(), channel: .email, report: DeliveryReport(providerMessageID: "p0", kind: .delivered, at: Given.start),
                receivedAt: Given.start, deliveryID: old.id)
            #expect(try await store.record(report))
            let young = try await settled(store, onDay: 2)
            #expect(try await store.purge(settledBefore: Given.day(2), eventsBefore: Given.start, limit: 100) == 1)
            #expect(try await days(database).first == "2026-03-03", "days without anything go as well")
            #expect(try await store.delivery(old.id, organizationID: nil) == nil)
            #expect(try await store.delivery(young.id, organizationID: nil)?.state == .succeeded)
            for table in ["delivery_days", "provider_ids"] {
                #expect(try await database.values("SELECT count(*) FROM gateway.\(table)", as: Int.self) == [1], "\(table)")
            }
            for table in ["message_keys", "report_keys"] {
                #expect(try await database.values("SELECT count(*) FROM gateway.\(table)", as: Int.self) == [0], "\(table)")
            }
            let counts = try await store.counts(at: Given.day(3), organizationID: nil)
            #expect(counts.accepted == 1)
            #expect(counts.states == [.email: [.succeeded: 1]])
        }
    }

    @Test func whatIsOpenOnAnOldDayGoesToANewerOneWhole() async throws {
        try await withStore(at: Given.day(10)) { store, database in
            _ = try await settled(store, onDay: 0)
            // One of the message's deliveries is settled, the other waits.
            let message = Given.message([Given.delivery(), Given.delivery(dueAt: .distantFuture)], key: "k")
            _ = try await store.accept([message])
            let claimed = try #require(try await store.claim(Given.claim(5)).deliveries.first)
            _ = try await store.settle([claimed.succeeded(providerID: "p")])
            let before = try await store.message(message.id, organizationID: message.organizationID)
            #expect(try await store.purge(settledBefore: Given.day(5), eventsBefore: Given.start, limit: 100) == 1)
            #expect(try await days(database).contains("2026-03-01") == false)
            #expect(try await store.message(message.id, organizationID: message.organizationID) == before)
            #expect(try await store.attempts(of: claimed.delivery.id).count == 1)
            #expect(try await store.content(of: claimed.delivery.id) == claimed.content)
            let report = StoredReport(
                id: .make(), channel: .email, report: DeliveryReport(providerMessageID: "p", kind: .delivered, at: Given.start),
                receivedAt: Given.start)
            #expect(try await store.delivery(for: report)?.id == claimed.delivery.id)
            #expect(try await store.accept([Given.message(key: "k")]) == [.duplicate(message.id, before)])
            let cancelled = before[1]
            let change = DeliveryChange(
                state: .cancelled, dueAt: cancelled.dueAt, attemptCount: 0, recordedAttempts: 0, claimCount: 0, flags: [],
                settledAt: Given.day(10), updatedAt: Given.day(10))
            guard case .applied = try await store.apply(change, to: cancelled, audit: nil) else { return #expect(Bool(false), "applied") }
            #expect(try await store.counts(at: Given.day(10), organizationID: nil).states == (try await store.recount().states))
        }
    }

    @Test func aDayWithALeaseOnItStays() async throws {
        try await withStore(at: Given.day(10)) { store, database in
            _ = try await store.accept([Given.message()])
            let claimed = try #require(try await store.claim(Given.claim(1)).deliveries.first)
            #expect(try await store.purge(settledBefore: Given.day(5), eventsBefore: Given.start, limit: 100) == 0)
            #expect(try await days(database).first == "2026-03-01")
            #expect(try await store.delivery(claimed.delivery.id, organizationID: nil) == claimed.delivery, "it is found as before")
            #expect(try await store.settle([claimed.succeeded(at: Given.day(4))]) == [claimed.delivery.id])
            #expect(try await store.purge(settledBefore: Given.day(5), eventsBefore: Given.start, limit: 100) == 1)
        }
    }

    @Test func aDayOnWhichSomethingWasSettledLateStaysAsLong() async throws {
        try await withStore(at: Given.day(10)) { store, database in
            _ = try await store.accept([Given.message()])
            let claimed = try #require(try await store.claim(Given.claim(1)).deliveries.first)
            _ = try await store.settle([claimed.succeeded(at: Given.day(6))])
            #expect(try await store.purge(settledBefore: Given.day(5), eventsBefore: Given.start, limit: 100) == 0)
            #expect(try await store.purge(settledBefore: Given.day(7), eventsBefore: Given.start, limit: 100) == 1)
        }
    }

    @Test func severalNodesDropDaysAtOnce() async throws {
        try await withStore(at: Given.day(20)) { store, database in
            for day in 0..<5 as Range<Int64> { _ = try await settled(store, onDay: day) }
            let other = try await database.store(clock: ManualClock(now: Given.day(20)))
            // Where they meet one gives way, and comes again.
            var rows = 0
            for _ in 0..<10 where rows < 5 {
                rows += try await withThrowingTaskGroup(of: Int.self) { group in
                    for one in [store, other, store, other] {
                        group.addTask { try await one.purge(settledBefore: Given.day(10), eventsBefore: Given.start, limit: 100) }
                    }
                    return try await group.reduce(0, +)
                }
            }
            await other.close()
            #expect(rows == 5)
            #expect(try await store.counts(at: Given.day(20), organizationID: nil).accepted == 0)
            #expect(try await store.counts(at: Given.day(20), organizationID: nil).states == [:])
        }
    }

    @Test func entriesAreAddedUpWithoutChangingTheSum() async throws {
        try await withStore { store, database in
            for number in 0..<20 { _ = try await store.accept([Given.message(of: Given.organization(UInt64(number % 3 + 1)))]) }
            let claimed = try await store.claim(Given.claim(9)).deliveries
            _ = try await store.settle(claimed.map { $0.succeeded() })
            let before = try await store.counts(at: Given.start, organizationID: nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try await store.compact() } }
                try await group.waitForAll()
            }
            #expect(try await database.values("SELECT count(*) FROM gateway.state_changes", as: Int.self) == [0])
            #expect(try await database.values("SELECT count(*) FROM gateway.accounting_entries", as: Int.self) == [0])
            #expect(try await store.counts(at: Given.start, organizationID: nil) == before)
            #expect(before.states == [.email: [.pending: 11, .succeeded: 9]])
        }
    }

    @Test func pagesReachEveryDay() async throws {
        try await withStore(at: Given.day(300)) { store, _ in
            var ids: [DeliveryID] = []
            for day in [0, 1, 5, 40, 200, 299, 300] as [Int64] {
                let message = Given.message(createdAt: Given.day(day))
                _ = try await store.accept([message])
                ids.insert(contentsOf: message.deliveries.map(\.id), at: 0)
            }
            // Accepted long ago, due much later.
            let late = Given.message([Given.delivery(dueAt: Given.day(320))], createdAt: Given.at(60))
            _ = try await store.accept([late])
            ids.insert(contentsOf: late.deliveries.map(\.id), at: ids.count - 1)
            var seen: [DeliveryID] = []
            var after: PageCursor?
            repeat {
                let page = try await store.deliveries(DeliveryQuery(now: Given.day(300), limit: 3, after: after))
                seen += page.elements.map(\.id)
                after = page.next
            } while after != nil
            #expect(seen == ids)
        }
    }
}
