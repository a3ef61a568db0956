import AdapterKit
import GatewayModel
import GatewayTestKit
import PostgresClient
import StoreBackends
import Testing

@testable import PostgresStore

/// What is PostgreSQL's own business: several daemons at once, sharing of transactions, lost connections.
@Suite(.timeLimit(.minutes(5))) struct PostgresStoreTests {
    private func withStores(
        _ count: Int = 1, at now: Timestamp = Given.start, _ body: ([PostgresStore], PostgresDatabase) async throws -> Void
    ) async throws {
        try await PostgresDatabase.with { database in
            var stores: [PostgresStore] = []
            for _ in 0..<count { stores.append(try await database.store(clock: ManualClock(now: now))) }
            let opened = stores
            do {
                try await body(opened, database)
            } catch {
                for store in opened { await store.close() }
                throw error
            }
            for store in opened { await store.close() }
        }
    }

    @Test func callsThatComeTogetherShareATransaction() async throws {
        try await withStores { stores, _ in
            let store = stores[0]
            let messages = (0..<200).map { _ in Given.message() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for message in messages {
                    group.addTask {
                        let accepted = try await store.accept([message])
                        #expect(accepted == [.created(message.accepted)])
                    }
                }
                try await group.waitForAll()
            }
            #expect(store.intake.groups < 100)
            #expect(try await store.counts(at: Given.start, organizationID: nil).accepted == 200)
        }
    }

    @Test func whatTheServerRefusesIsTheFaultOfItsCallerAlone() async throws {
        try await withStores { stores, _ in
            let store = stores[0]
            let taken = Given.delivery()
            _ = try await store.accept([Given.message([taken])])
            let results = await withTaskGroup(of: StoreError?.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        // One of them uses an id that is taken.
                        let message = number == 30 ? Given.message([taken]) : Given.message()
                        do throws(StoreError) {
                            _ = try await store.accept([message])
                            return nil
                        } catch { return error }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.compactMap(\.self).count == 1)
            #expect(results.compactMap(\.self).first?.isAboutValues == true)
            #expect(try await store.counts(at: Given.start, organizationID: nil).accepted == 60)
        }
    }

    @Test func twoDaemonsHandOutEachOfTwentyThousandOnce() async throws {
        try await withStores(2) { stores, _ in
            for number in 0..<20 {
                _ = try await stores[number % 2].accept((0..<1000).map { Given.message(of: Given.organization(UInt64($0 % 7 + 1))) })
            }
            let claimed = try await withThrowingTaskGroup(of: [DeliveryID].self) { group in
                for number in 0..<4 {
                    group.addTask {
                        let store = stores[number % 2]
                        var ids: [DeliveryID] = []
                        while true {
                            let claim = try await store.claim(Given.claim(500))
                            if claim.deliveries.isEmpty, !claim.isFull { return ids }
                            let settled = try await store.settle(claim.deliveries.map { $0.succeeded() })
                            #expect(settled == Set(claim.deliveries.map(\.delivery.id)))
                            ids += claim.deliveries.map(\.delivery.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 20_000)
            #expect(Set(claimed).count == 20_000)
            let counts = try await stores[0].counts(at: Given.start, organizationID: nil)
            #expect(counts.states == [.email: [.succeeded: 20_000]])
            #expect(try await stores[1].recount().states == counts.states)
        }
    }

    /// Accepting, claiming, deferring, releasing and cancelling, all at once and over two pools: never two of a key on their way.
    @Test func ofOneKeyNoTwoAreEverOnTheirWay() async throws {
        let now = Given.at(1000)
        try await withStores(2, at: now) { stores, database in
            let keys = (0..<3).map { "k\($0)" }
            let total = 300
            let inFlight = Watched<[String: DeliveryID]>([:])
            let sent = Watched<[String: [DeliveryID]]>([:])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<2 {
                    group.addTask {
                        for index in 0..<(total / 2) {
                            let delivery = Given.delivery(dueAt: Given.at(Int64(index)), orderingKey: keys[index % keys.count])
                            _ = try await stores[number].accept([Given.message([delivery], createdAt: now)])
                        }
                    }
                }
                for number in 0..<6 {
                    group.addTask {
                        let store = stores[number % 2]
                        var round = number
                        while sent.withLock({ $0.values.reduce(0) { $0 + $1.count } }) < total {
                            let claim = try await store.claim(Given.claim(5, at: now))
                            for claimed in claim.deliveries {
                                let key = try #require(claimed.delivery.orderingKey)
                                let other = inFlight.withLock { $0.updateValue(claimed.delivery.id, forKey: key) }
                                #expect(other == nil, "another one of the key is on its way")
                            }
                            for claimed in claim.deliveries {
                                let key = try #require(claimed.delivery.orderingKey)
                                round += 1
                                inFlight.withLock { $0[key] = nil }
                                switch round % 4 {
                                case 0: try await store.release([claimed.reference], dueAt: nil)
                                case 1:
                                    let settled = try await store.settle([claimed.deferred(to: Given.at(900), at: now)])
                                    #expect(settled == [claimed.delivery.id])
                                default:
                                    sent.withLock { $0[key, default: []].append(claimed.delivery.id) }
                                    let settled = try await store.settle([claimed.succeeded(at: now)])
                                    #expect(settled == [claimed.delivery.id])
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let all = sent.withLock { $0.values.flatMap(\.self) }
            #expect(Set(all).count == total)
            #expect(try await database.values("SELECT count(*) FROM gateway.lanes", as: Int.self) == [0], "empty lanes are gone")
        }
    }

    @Test func whatCannotBeReadIsHandedOutAsSuchAndCanBeFailed() async throws {
        try await withStores { stores, database in
            let store = stores[0]
            let lost = Given.message()
            _ = try await store.accept([lost, Given.message()])
            let id = try #require(lost.deliveries.first?.id)
            try await database.run("DELETE FROM gateway.contents WHERE delivery_id = '\(id)'")
            let claim = try await store.claim(Given.claim(10))
            #expect(claim.deliveries.count == 1)
            #expect(claim.undecodable.map(\.deliveryID) == [id])
            let change = DeliveryChange(
                state: .failed, reason: .undecodable, dueAt: Given.start, attemptCount: 0, recordedAttempts: 0, claimCount: 0, flags: [],
                settledAt: Given.start, fallback: .activate, updatedAt: Given.start)
            let settled = try await store.settle(
                claim.undecodable.map { Settlement(deliveryID: $0.deliveryID, token: $0.token, change: change) })
            #expect(settled == [id])
        }
    }

    @Test func anExpiredLeaseOfWhatCannotBeReadGoesBackToTheQueue() async throws {
        try await withStores { stores, database in
            let store = stores[0]
            _ = try await store.accept([Given.message()])
            _ = try await store.claim(Given.claim(10))
            try await database.run(
                "UPDATE gateway.deliveries SET state = 'failed', origin = 'api', category = 'marketing', flags = 1, reason = 'x'")
            #expect(try await store.expiredLeases(at: Given.at(60), limit: 10) == [])
            #expect(try await store.nextLeaseEnd() == nil)
            #expect(try await store.claim(Given.claim(10)).undecodable.count == 1)
        }
    }

    /// A day that nobody expected: the claim and the settlement find it all the same.
    @Test func whatStandsOnDistantDaysIsClaimedAndSettled() async throws {
        try await withStores(2) { stores, _ in
            for day in [0, 3, 40, 200] as [Int64] {
                _ = try await stores[0].accept([Given.message([Given.delivery(dueAt: Given.day(day))])])
            }
            let claimed = try await stores[1].claim(Given.claim(10, at: Given.day(300))).deliveries
            #expect(claimed.map(\.delivery.dueAt) == [0, 3, 40, 200].map { Given.day($0) })
            #expect(try await stores[0].settle(claimed.map { $0.succeeded(at: Given.day(300)) }).count == 4)
            #expect(try await stores[1].claim(Given.claim(10, at: Given.day(300))).deliveries == [])
        }
    }

    /// Whoever was woken for it looks once, perhaps by a clock that is a little behind.
    @Test func whatAnotherNodeFoundDueIsNotLeftBehind() async throws {
        try await withStores(2) { stores, _ in
            let now = Given.start + .milliseconds(2)
            _ = try await stores[0].accept([Given.message(createdAt: now)])
            #expect(try await stores[1].claim(Given.claim(1, at: Given.start)).deliveries.count == 1)
        }
    }

    /// What was accepted during an outage, and came due in it.
    @Test func whatCameDueBeforeItWasWrittenIsClaimedByAnyNode() async throws {
        try await withStores(2, at: Given.at(7200)) { stores, _ in
            #expect(try await stores[1].claim(Given.claim(1, at: Given.at(7200))).deliveries == [])
            _ = try await stores[0].accept([Given.message([Given.delivery(dueAt: Given.at(600))])])
            #expect(try await stores[1].claim(Given.claim(1, at: Given.at(7200))).deliveries.count == 1)
        }
    }

    @Test func aNulInATextIsReplacedRatherThanRefused() async throws {
        try await withStores { stores, _ in
            let store = stores[0]
            _ = try await store.accept([Given.message()])
            let claimed = try #require(try await store.claim(Given.claim(1)).deliveries.first)
            var settlement = claimed.succeeded()
            settlement.change.lastError = DeliveryFailure(.policy, code: "5\0", "no\0t so")
            #expect(try await store.settle([settlement]) == [claimed.delivery.id])
            #expect(try await store.delivery(claimed.delivery.id, organizationID: nil)?.lastError?.message == "no\u{FFFD}t so")
        }
    }
}

// MARK: - Lost connections

extension PostgresStoreTests {
    /// Ends every session of the store's database but its own, again and again, while `body` runs.
    private func whileSessionsAreKilled(_ database: PostgresDatabase, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let isDone = Watched(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isDone.withLock { $0 = true } }
                try await body()
            }
            group.addTask {
                try await database.withPool { pool in
                    while !isDone.withLock({ $0 }) {
                        _ = try await pool.run(
                            .count(
                                """
                                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                                WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5
                                """))
                        _ = try await pool.run(.count("SELECT pg_sleep(0.02)"))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func whatWasAnsweredStandsHoweverOftenSessionsDie() async throws {
        try await withStores { stores, database in
            let store = stores[0]
            let answered = Watched<[NewMessage]>([])
            let failed = Watched<[(NewMessage, StoreError)]>([])
            try await whileSessionsAreKilled(database) {
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<8 {
                        group.addTask {
                            for index in 0..<40 {
                                let message = Given.message(key: index % 2 == 0 ? "k\(number)-\(index)" : nil)
                                do throws(StoreError) {
                                    let answer = try await store.accept([message])
                                    #expect(answer == [.created(message.accepted)])
                                    answered.withLock { $0.append(message) }
                                } catch {
                                    failed.withLock { $0.append((message, error)) }
                                }
                            }
                        }
                    }
                }
            }
            for message in answered.withLock({ $0 }) {
                #expect(try await store.message(message.id, organizationID: message.organizationID).count == 1, "accepted means kept")
            }
            for (message, error) in failed.withLock({ $0 }) where error == .unavailable {
                #expect(try await store.message(message.id, organizationID: message.organizationID) == [], "unavailable means not kept")
            }
            #expect(failed.withLock { $0 }.allSatisfy { $0.1 == .unavailable || $0.1 == .outcomeUnknown })
            let (counts, recount) = (try await store.counts(at: Given.start, organizationID: nil), try await store.recount())
            #expect(counts.unaccounted == 0)
            #expect(counts.states == recount.states)
        }
    }

    @Test func whatWasSettledIsSettledOnceHoweverOftenSessionsDie() async throws {
        try await withStores(2) { stores, database in
            _ = try await stores[0].accept((0..<1500).map { Given.message(of: Given.organization(UInt64($0 % 5 + 1))) })
            let settled = Watched<[DeliveryID]>([])
            try await whileSessionsAreKilled(database) {
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        group.addTask {
                            let store = stores[number % 2]
                            for _ in 0..<40 {
                                guard let claim = try? await store.claim(Given.claim(20)) else { continue }
                                for _ in 0..<20 {
                                    guard let ids = try? await store.settle(claim.deliveries.map { $0.succeeded() }) else { continue }
                                    settled.withLock { $0 += ids }
                                    break
                                }
                            }
                        }
                    }
                }
            }
            let ids = settled.withLock { $0 }
            #expect(Set(ids).count == ids.count, "no settlement is told twice")
            let store = stores[0]
            for id in ids {
                #expect(try await store.delivery(id, organizationID: nil)?.state == .succeeded)
                #expect(try await store.attempts(of: id).count == 1)
            }
            let counts = try await store.counts(at: Given.start, organizationID: nil)
            #expect(counts.states == (try await store.recount().states))
            #expect((counts.states[.email]?[.succeeded] ?? 0) >= ids.count)
        }
    }
}
