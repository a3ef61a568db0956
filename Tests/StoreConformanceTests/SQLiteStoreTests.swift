import AdapterKit
import Dispatch
import Foundation
import GatewayModel
import GatewayTestKit
import Logging
import StoreBackends
import Testing

@testable import SQLiteStore

/// What is SQLite's own business: sharing of syncs, plans, files, migrations.
@Suite(.timeLimit(.minutes(1))) struct SQLiteStoreTests {
    private let start = Timestamp(year: 2026, month: 3, day: 1, hour: 9)
    private let organization = OrganizationID(UUIDBits(high: 1, low: 1))

    private func message(_ bytes: Int = 100, orderingKey: String? = nil) -> NewMessage {
        let delivery = NewDelivery(
            id: .make(), endpoint: Endpoint(channel: .email, address: "a@example.com"),
            content: RenderedContent(bytes: [UInt8](repeating: 65, count: bytes)), origin: .api, orderingKey: orderingKey, maxAttempts: 5,
            deadline: start + .seconds(86_400), dueAt: start)
        return NewMessage(id: .make(), organizationID: organization, createdAt: start, deliveries: [delivery])
    }

    private func request(_ limit: Int) -> ClaimRequest {
        ClaimRequest(channel: .email, limit: limit, now: start, leaseUntil: start + .seconds(60))
    }

    private func success(_ claimed: ClaimedDelivery) -> Settlement {
        let change = DeliveryChange(
            state: .succeeded, dueAt: start, attemptCount: 1, recordedAttempts: 1, claimCount: 0, flags: [], settledAt: start,
            updatedAt: start)
        return Settlement(
            deliveryID: claimed.delivery.id, token: claimed.token, change: change,
            attempt: Attempt(number: 1, startedAt: start, endedAt: start, outcome: .accepted, counted: true))
    }

    private func withStore(_ body: (SQLiteStore, TestFolder) async throws -> Void) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let store = try await folder.store()
        do {
            try await body(store, folder)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// Keeps the writer busy until `count` jobs wait, then lets them go on together.
    private func together(_ store: SQLiteStore, count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        let gate = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            // The writer has a thread of its own: blocking it blocks no task.
            group.addTask { try await store.writer.write { _ throws(StoreError) in gate.wait() } }
            while store.writer.transactions == 0 { await Task.yield() }
            for index in 0..<count { group.addTask { try await body(index) } }
            while store.writer.waiting < count { await Task.yield() }
            gate.signal()
            try await group.waitForAll()
        }
    }

    @Test func concurrentAcceptsShareACommit() async throws {
        try await withStore { store, _ in
            let messages = (0..<50).map { _ in message() }
            try await together(store, count: 50) { index in _ = try await store.accept([messages[index]]) }
            #expect(store.writer.transactions == 2, "one for the job that blocked, one for all that waited")
            #expect(try await store.counts(at: start, organizationID: nil).accepted == 50)
        }
    }

    @Test func aJobThatFailsTakesNobodyWithIt() async throws {
        try await withStore { store, _ in
            let messages = (0..<6).map { _ in message() }
            try await together(store, count: 6) { index in
                guard index == 3 else {
                    _ = try await store.accept([messages[index]])
                    return
                }
                await #expect(throws: StoreError.corrupt(what: "test")) {
                    try await store.writer.write { connection throws(StoreError) in
                        _ = try connection.accept(messages[index])
                        throw StoreError.corrupt(what: "test")
                    }
                }
            }
            let counts = try await store.counts(at: start, organizationID: nil)
            #expect(counts.accepted == 5)
            #expect(counts.unaccounted == 0)
        }
    }

    @Test func aFullDiskRefusesWritesWholeAndLeavesReads() async throws {
        try await withStore { store, _ in
            _ = try await store.accept([message()])
            try await store.writer.write { connection throws(StoreError) in try connection.script("PRAGMA max_page_count = 1") }
            await #expect(throws: StoreError.full) { try await store.accept([message(), message(1 << 20)]) }
            #expect(try await store.counts(at: start, organizationID: nil).accepted == 1)
            try await store.writer.write { connection throws(StoreError) in try connection.script("PRAGMA max_page_count = 1000000") }
            _ = try await store.accept([message(1 << 20)])
            #expect(try await store.counts(at: start, organizationID: nil).accepted == 2)
        }
    }

    @Test func aReadOnlyStoreSaysThatItCannotWrite() async throws {
        try await withStore { store, _ in
            try await store.writer.write { connection throws(StoreError) in try connection.script("PRAGMA query_only = 1") }
            await #expect(throws: StoreError.full) { try await store.checkWritable() }
            #expect(try await store.counts(at: start, organizationID: nil).accepted == 0)
        }
    }

    @Test func aCommitIsSyncedAndTheWriterAloneCheckpoints() async throws {
        try await withStore { store, _ in
            let writer = try await store.writer.write { connection throws(StoreError) in try Self.pragmas(connection) }
            #expect(writer == [2, 1000, 1])
            let reader = try await store.readers.read { connection throws(StoreError) in try Self.pragmas(connection) }
            #expect(reader == [2, 0, 1])
        }
    }

    private static func pragmas(_ connection: SQLiteConnection) throws(StoreError) -> [Int] {
        var values: [Int] = []
        for name in ["synchronous", "wal_autocheckpoint", "foreign_keys"] {
            values += try connection.all(SQL(once: "PRAGMA \(name)"), values: []) { row throws(StoreError) in try row.read(Int.self) }
        }
        return values
    }

    @Test func aSecondOpenerIsRefused() async throws {
        try await withStore { _, folder in
            let error = await #expect(throws: StoreError.self) { try await folder.store() }
            guard case .schema(let sentence) = error else { return #expect(Bool(false), "another process has it") }
            #expect(sentence.hasPrefix("Another process has the store open."))
        }
    }

    @Test func whatWasClosedOpensAgain() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let first = try await folder.store()
        _ = try await first.accept([message()])
        await first.close()
        let second = try await folder.store()
        #expect(try await second.counts(at: start, organizationID: nil).accepted == 1)
        await second.close()
    }
}

// MARK: - The hot path

extension SQLiteStoreTests {
    @Test func noStatementOfTheHotPathScansOrSorts() async throws {
        try await withStore { store, _ in
            _ = try await store.accept((0..<20).map { message(orderingKey: $0 % 2 == 0 ? "k" : nil) })
            let claimed = try await store.claim(request(10)).deliveries
            _ = try await store.markTransmitting(claimed.map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }, at: start)
            _ = try await store.settle(claimed.dropLast().map(success))
            try await store.release(claimed.suffix(1).map { LeaseReference(deliveryID: $0.delivery.id, token: $0.token) }, dueAt: nil)
            let plans = try await store.writer.write { connection throws(StoreError) in
                var plans: [String] = []
                for text in connection.texts where text.contains("outbox") || text.contains("deliveries") {
                    plans += try connection.all(SQL(once: "EXPLAIN QUERY PLAN " + text), values: []) { row throws(StoreError) in
                        row.skip(3)
                        return try row.read(String.self)
                    }
                }
                return plans
            }
            #expect(plans.count > 10)
            // A recursive table is read as it grows.
            #expect(plans.filter { $0.hasPrefix("SCAN") && $0 != "SCAN turn" || $0.contains("TEMP B-TREE") } == [])
        }
    }

    /// However many organizations have something that is due later.
    @Test func aClaimPaysNothingForWhatIsDueLater() async throws {
        try await withStore { store, _ in
            func claimSteps() async throws -> Int {
                _ = try await store.accept((0..<10).map { _ in message() })
                let before = try await store.writer.write { connection throws(StoreError) in connection.steps }
                #expect(try await store.claim(request(10)).deliveries.count == 10)
                return try await store.writer.write { connection throws(StoreError) in connection.steps } - before
            }
            _ = try await claimSteps()
            let alone = try await claimSteps()
            let later = (0..<3000).map { _ in
                var message = message()
                message.organizationID = .make()
                message.deliveries[0].dueAt = start + .seconds(3600)
                return message
            }
            _ = try await store.accept(later)
            let crowded = try await claimSteps()
            #expect(crowded < alone * 2, "\(crowded) steps instead of \(alone)")
        }
    }

    /// A burst would otherwise leave the log at its size.
    @Test func theLogIsEmptiedWhenItIsQuiet() async throws {
        try await withStore { store, folder in
            _ = try await store.accept((0..<200).map { _ in message() })
            let log = folder.path("store") + "-wal"
            func size() throws -> Int { try FileManager.default.attributesOfItem(atPath: log)[.size] as? Int ?? 0 }
            #expect(try size() > 0)
            // Nothing tells of it: the quiet is the file's own.
            while try size() > 0 { try await Task.sleep(for: .milliseconds(50)) }
        }
    }

    @Test func workPerDeliveryIsTheSameWhateverTheBacklog() async throws {
        try await withStore { store, _ in
            var executions: [Int] = []
            var preparations: [Int] = []
            for _ in 0..<3 {
                for _ in 0..<4 { _ = try await store.accept((0..<500).map { _ in message() }) }
                let before = try await counters(store)
                let claimed = try await store.claim(request(500)).deliveries
                #expect(claimed.count == 500)
                _ = try await store.settle(claimed.map(success))
                let after = try await counters(store)
                executions.append(after.executions - before.executions)
                preparations.append(after.preparations - before.preparations)
            }
            #expect(executions[1] == executions[2])
            #expect(executions[2] <= 500 * 7, "two statements a claimed delivery, four a settled one")
            #expect(preparations[2] == 0, "everything is prepared by then")
        }
    }

    @Test func aClaimCostsTheSameHoweverManyOrganizationsWaitForLater() async throws {
        try await withStore { store, _ in
            var later = message().deliveries[0]
            later.dueAt = start + .seconds(3600)
            let scheduled = (0..<300).map { _ in
                later.id = .make()
                return NewMessage(id: .make(), organizationID: .make(), createdAt: start, deliveries: [later])
            }
            _ = try await store.accept(scheduled + [message()])
            let before = try await counters(store)
            #expect(try await store.claim(request(10)).deliveries.count == 1)
            let after = try await counters(store)
            #expect(after.executions - before.executions <= 16)
        }
    }

    @Test func aCommitThatFailsIsNotCalledUnwritten() async throws {
        try await withStore { store, _ in
            await #expect(throws: StoreError.outcomeUnknown) {
                try await store.writer.write { connection throws(StoreError) in
                    _ = try connection.run("PRAGMA defer_foreign_keys = ON")
                    _ = try connection.run("INSERT INTO contents VALUES (999, x'00')")
                }
            }
            let after = try await store.accept([message()])
            #expect(after.count == 1, "the writer goes on")
        }
    }

    private func counters(_ store: SQLiteStore) async throws -> (executions: Int, preparations: Int) {
        try await store.writer.write { connection throws(StoreError) in (connection.executions, connection.preparations) }
    }

    @Test func whatCannotBeReadIsHandedOutAsSuchAndCanBeFailed() async throws {
        try await withStore { store, _ in
            let lost = message()
            _ = try await store.accept([lost, message()])
            try await store.writer.write { connection throws(StoreError) in
                _ = try connection.run("DELETE FROM contents WHERE delivery = (SELECT MIN(delivery) FROM contents)")
            }
            let claim = try await store.claim(request(10))
            #expect(claim.deliveries.count == 1)
            #expect(claim.undecodable.map(\.deliveryID) == lost.deliveries.map(\.id))
            let change = DeliveryChange(
                state: .failed, reason: .undecodable, dueAt: start, attemptCount: 0, recordedAttempts: 0, claimCount: 0, flags: [],
                settledAt: start, updatedAt: start)
            let settled = try await store.settle(
                claim.undecodable.map { Settlement(deliveryID: $0.deliveryID, token: $0.token, change: change) })
            #expect(settled == Set(lost.deliveries.map(\.id)))
        }
    }

    @Test func anExpiredLeaseOfWhatCannotBeReadGoesBackToTheQueue() async throws {
        try await withStore { store, _ in
            _ = try await store.accept([message()])
            _ = try await store.claim(request(10))
            try await store.writer.write { connection throws(StoreError) in _ = try connection.run("DELETE FROM contents") }
            #expect(try await store.expiredLeases(at: start + .seconds(60), limit: 10) == [])
            #expect(try await store.nextLeaseEnd() == nil)
            #expect(try await store.claim(request(10)).undecodable.count == 1)
        }
    }
}

extension SQLiteStore {
    /// Brings an open database to the schema of the daemon before the workflow engine.
    static func applyMigrations(before number: Int, to handle: OpaquePointer, now: Timestamp) throws {
        let connection = SQLiteConnection(handle: handle)
        try SQLiteMigrator(files: MigrationFile.sqlite.filter { $0.number < number }).prepare(connection, mode: .apply, now: now)
        connection.finish()
    }
}
