import AdapterKit
import GatewayModel
import GatewayTestKit
import PostgresStore
import SQLiteStore
import StoreBackends
import Synchronization
import Testing

/// An embedded store and what became of it on PostgreSQL answer alike.
@Suite(.timeLimit(.minutes(5))) struct TransferTests {
    private func withStores(
        seed: UInt64 = 1, _ body: (SQLiteStore, PostgresDatabase, Parcel) async throws -> Void
    ) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let first = try await folder.store()
        var example = TransferExample(first, seed: seed)
        try await example.fill()
        await first.close()
        // Opened again, as an export does: whoever held leases is gone.
        let store = try await folder.store()
        do {
            let parcel = try await Parcel(of: store)
            try await PostgresDatabase.with { database in try await body(store, database, parcel) }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func take(_ parcel: any TransferSource, into database: PostgresDatabase) async throws(TransferError) {
        let location: PostgresLocation
        do { location = try PostgresLocation(url: database.url) } catch { throw .store(error) }
        try await PostgresImport.run(parcel, into: location, migrate: .apply, logger: quiet)
    }

    // MARK: Everything moves

    @Test func theExampleHasAValueInEveryColumn() async throws {
        try await withStores { _, _, parcel in
            #expect(parcel.header.tables.count >= 20)
            for table in parcel.header.tables {
                let rows = parcel.rows[table.name] ?? []
                #expect(rows.count == table.rows)
                for (index, column) in table.columns.enumerated() {
                    #expect(rows.contains { $0[index] != .null }, "nothing shows that \(table.name).\(column.name) is carried over")
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func bothAnswerAlike(seed: UInt64) async throws {
        try await withStores(seed: seed) { old, database, parcel in
            try await take(parcel, into: database)
            let new = try await database.store()
            do {
                let (mine, theirs) = (try await StoreAnswers(of: old), try await StoreAnswers(of: new))
                #expect(mine.counts.unaccounted == 0 && mine.deliveries.count > 100)
                mine.expectEqual(theirs)
                #expect(try await new.recount().states == mine.counts.states, "counts agree with the rows themselves")
                try await expectSameLife(old, new)
            } catch {
                await new.close()
                throw error
            }
            await new.close()
            let left = try await database.values(
                "SELECT relname::text FROM pg_class WHERE relnamespace = 'gateway'::regnamespace AND relname LIKE 'import%'",
                as: String.self)
            #expect(left.isEmpty, "nothing is left of how it came")
        }
    }

    /// What is done to both from now on has the same outcome.
    private func expectSameLife(_ old: SQLiteStore, _ new: PostgresStore) async throws {
        let later = Given.day(400)
        try await expectSameMemory(old, new)
        // The lane goes on in its order, over what is claimed and settled.
        var orders: [[DeliveryID]] = []
        for store in [old, new] as [any GatewayStore] {
            var order: [DeliveryID] = []
            while true {
                let claimed = try await store.claim(Given.claim(500, at: later)).deliveries
                if claimed.isEmpty { break }
                order += claimed.filter { $0.delivery.orderingKey == "lane" }.map(\.delivery.id)
                _ = try await store.settle(claimed.map { $0.succeeded(at: later) })
            }
            orders.append(order)
        }
        #expect(orders[0].count > 12 && orders[0].sorted() == orders[1].sorted())
        for organization in [1, 2, 3].map({ Given.organization($0) }) {
            func ofOne(_ ids: [DeliveryID]) async throws -> [DeliveryID] {
                var found: [DeliveryID] = []
                for id in ids where try await old.delivery(id, organizationID: organization) != nil { found.append(id) }
                return found
            }
            #expect(try await ofOne(orders[0]) == ofOne(orders[1]))
        }
        // What was leased stays leased until it is recovered.
        let held = (try await old.expiredLeases(at: later, limit: 500), try await new.expiredLeases(at: later, limit: 500))
        #expect(!held.0.isEmpty && Set(held.0.map(\.delivery.id)) == Set(held.1.map(\.delivery.id)))
        #expect(held.0.contains { $0.delivery.lease?.isTransmitting == true })
        #expect(try await StoreAnswers(of: old).counts.states == StoreAnswers(of: new).counts.states)
        // Retention finds what it has to take along.
        let before = try await new.counts(at: later, organizationID: nil)
        while try await new.purge(settledBefore: Given.day(500), eventsBefore: Given.day(500), limit: 10_000) > 0 {}
        let after = try await new.counts(at: later, organizationID: nil)
        #expect(after.accepted < before.accepted && after.unaccounted == 0)
        #expect(try await new.recount().states == after.states)
    }

    /// What must not come twice, and what is found by another's id.
    private func expectSameMemory(_ old: SQLiteStore, _ new: PostgresStore) async throws {
        let organization = Given.organization(1)
        let known = try #require(
            try await old.deliveries(DeliveryQuery(organizationID: organization, status: .succeeded, now: Given.start)).elements.last)
        let news = DeliveryReport(providerMessageID: "later-1", kind: .delivered, at: Given.at(1))
        let ofKnown = DeliveryReport(providerMessageID: known.providerMessageID, kind: .read, at: Given.at(9))
        let (event, decisions) = try #require(try await old.events(EventQuery(organizationID: organization)).elements.first)
        for store in [old, new] as [any GatewayStore] {
            let repeated = try await store.accept([Given.message(of: organization, key: "m1")])
            #expect(try #require(repeated.first).isRepeat, "a key is used up")
            #expect(try await store.commit(EventCommit(event: event, decisions: [])) == .duplicate(event, decisions))
            let again = StoredReport(id: .make(), channel: .email, report: news, receivedAt: Given.at(101))
            #expect(try await store.record(again) == false, "news is news once")
            let report = StoredReport(id: .make(), channel: known.endpoint.channel, report: ofKnown, receivedAt: Given.at(101))
            #expect(try await store.delivery(for: report)?.id == known.id)
            // The quote's next event takes back the same reminders.
            var next = event
            next.id = EventID(UUIDBits(high: 7, low: 7))
            let quote = try #require(event.quoteID)
            let commit = EventCommit(event: next, decisions: [], supersedes: Supersession(quoteID: quote, at: Given.at(2000)))
            #expect(try await store.commit(commit) == .committed)
        }
        let superseded = try await StoreAnswers(of: old).deliveries.filter { $0.delivery.reason == .superseded }
        let others = try await StoreAnswers(of: new).deliveries.filter { $0.delivery.reason == .superseded }
        #expect(superseded == others)
    }

    @Test func throughAPoolerToo() async throws {
        try await withStores { old, database, parcel in
            try await PostgresImport.run(
                parcel, into: PostgresLocation(url: database.pooledURL, pooler: .transaction), migrate: .apply, logger: quiet)
            let new = try await database.store()
            let counts = try await new.counts(at: Given.start, organizationID: nil)
            await new.close()
            #expect(try await old.counts(at: Given.start, organizationID: nil) == counts)
        }
    }

    // MARK: Refusals

    @Test func onlyAnEmptyStoreTakesIt() async throws {
        try await withStores { _, database, parcel in
            try await take(parcel, into: database)
            await #expect(throws: TransferError.self) { try await take(parcel, into: database) }
            let store = try await database.store()
            #expect(try await store.organizations().count == 3)
            await store.close()
        }
        try await withStores { _, database, parcel in
            let store = try await database.store()
            _ = try await store.takeLead(in: "maintenance", as: .version7(), for: .seconds(60))
            await store.close()
            await #expect(throws: TransferError.refused("a daemon works on the store. Stop every daemon first.")) {
                try await take(parcel, into: database)
            }
        }
    }

    @Test func whatNobodyKnowsIsNotLeftBehind() async throws {
        try await withStores { _, database, parcel in
            var more = parcel
            more.header.tables[0].columns.append(TransferTable.Column(name: "mood", kind: .text))
            more.header.tables.append(
                TransferTable(name: "wishes", columns: [TransferTable.Column(name: "wish", kind: .text)], rows: 0))
            let table = parcel.header.tables[0].name
            await #expect(
                throws: TransferError.refused("the file holds what this gatewayd does not know: \(table).mood, wishes.wish")
            ) { try await take(more, into: database) }
            more = parcel
            more.header.migrations.append(91)
            await #expect(throws: TransferError.self) { try await take(more, into: database) }
        }
    }

    // MARK: Cut off

    @Test func whatWasCutOffIsTakenUp() async throws {
        try await withStores { old, database, parcel in
            // While it is laid down: it begins anew.
            await #expect(throws: TransferError.failed("cut")) { try await take(parcel.cut(after: 5), into: database) }
            await #expect(throws: StoreError.self, "half a store is none") { try await database.store() }
            // While it is placed: it goes on.
            let days = try await database.whileDaysAreRefused {
                await #expect(throws: TransferError.self) { try await take(parcel, into: database) }
            }
            #expect(days > 0 && days < 5, "some days were still to be placed")
            await #expect(throws: StoreError.self, "half a store is none") { try await database.store() }
            var other = parcel
            other.digest = [0]
            await #expect(throws: TransferError.self, "another file is not mixed in") { try await take(other, into: database) }
            try await take(parcel, into: database)
            let new = try await database.store()
            let answers = try await StoreAnswers(of: new)
            await new.close()
            try await StoreAnswers(of: old).expectEqual(answers)
        }
    }

    @Test func aWrongCountChangesNothing() async throws {
        try await withStores { _, database, parcel in
            var wrong = parcel
            let row = try #require(parcel.rows["accounting"]?.first)
            wrong.rows["accounting"]?[0] = [row[0], .integer(7)]
            await #expect(throws: TransferError.failed("the organizations' accepted deliveries are not those that are there")) {
                try await take(wrong, into: database)
            }
            #expect(try await database.values("SELECT count(*) FROM gateway.organizations", as: Int.self) == [0])
        }
    }
}

extension MessageAcceptance {
    fileprivate var isRepeat: Bool { if case .created = self { false } else { true } }
}

// MARK: -

/// An export in memory, each line of it written and read.
struct Parcel: TransferSource {
    var header: TransferHeader
    var digest: [UInt8] = [1, 2, 3]
    var rows: [String: [[TransferCell]]]
    private let left: Left

    final class Left: Sendable {
        let batches = Mutex<[TransferBatch]?>(nil)
        let limit: Int
        init(limit: Int = .max) { self.limit = limit }
    }

    init(of store: SQLiteStore) async throws {
        let rows = Mutex<[String: [[TransferCell]]]>([:])
        header = try await store.export(at: Given.start) { part throws(TransferError) in
            switch part {
            case .header(let header):
                guard try TransferLine.readHeader(TransferLine.header(header)) == header else { throw .failed("header") }
            case .row(let cells, let table):
                let line = try? JSONValue(parsing: TransferLine.row(cells, of: table).bytes)
                guard let line, let row = TransferLine.readRow(line, tables: [table.name: table]), row.cells == cells else {
                    throw .failed("row of \(table.name)")
                }
                rows.withLock { $0[table.name, default: []].append(row.cells) }
            }
        }
        self.rows = rows.withLock { $0 }
        left = Left()
    }

    private init(_ other: Parcel, limit: Int) {
        header = other.header
        digest = other.digest
        rows = other.rows
        left = Left(limit: limit)
    }

    /// The same, ending in the middle.
    func cut(after batches: Int) -> Parcel { Parcel(self, limit: batches) }

    /// A copy reads from its own beginning: each import has one.
    func next() async throws(TransferError) -> TransferBatch? {
        let all = header.tables.flatMap { table in
            let rows = rows[table.name] ?? []
            return stride(from: 0, to: rows.count, by: 50).map {
                TransferBatch(table: table, rows: Array(rows[$0..<min($0 + 50, rows.count)]))
            }
        }
        let next: Result<TransferBatch?, TransferError> = left.batches.withLock { batches in
            var rest = batches ?? all
            if all.count - rest.count >= left.limit { return .failure(.failed("cut")) }
            let first = rest.isEmpty ? nil : rest.removeFirst()
            // Read again from the beginning the next time.
            batches = first == nil ? nil : rest
            return .success(first)
        }
        return try next.get()
    }
}

extension PostgresDatabase {
    /// Makes the placing of days fail before its end; answers how many were still to be placed.
    fileprivate func whileDaysAreRefused(_ body: () async throws -> Void) async throws -> Int {
        try await run(
            """
            CREATE FUNCTION gateway.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF (SELECT count(*) FROM gateway.import_days) < 5 THEN RAISE EXCEPTION 'cut' USING ERRCODE = '57P01'; END IF;
                RETURN NEW;
            END $$
            """, "CREATE TRIGGER refuse BEFORE INSERT ON gateway.deliveries FOR EACH ROW EXECUTE FUNCTION gateway.refuse()")
        try await body()
        try await run("DROP TRIGGER refuse ON gateway.deliveries", "DROP FUNCTION gateway.refuse()")
        return try await values("SELECT count(*) FROM gateway.import_days", as: Int.self).first ?? 0
    }
}
