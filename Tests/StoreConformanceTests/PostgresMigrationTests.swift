import AdapterKit
import GatewayModel
import GatewayTestKit
import PostgresClient
import StoreBackends
import Testing

@testable import PostgresStore

/// Which schemas a daemon works on, and which it leaves alone.
@Suite(.timeLimit(.minutes(5))) struct PostgresMigrationTests {
    private let start = Timestamp(year: 2026, month: 3, day: 1, hour: 9)
    private let organization = OrganizationID(UUIDBits(high: 1, low: 1))
    private let all = [1, 2, 3, 4, 5, 6, 90]

    private func reopening(after sql: String) async throws -> StoreError? {
        try await PostgresDatabase.with { database in
            try await database.run(sql)
            do {
                await (try await database.store()).close()
                return nil
            } catch let error as StoreError {
                return error
            }
        }
    }

    @Test func aMigrationThatWasEditedIsRefused() async throws {
        let error = try await reopening(after: "UPDATE gateway.schema_migrations SET checksum = 'x' WHERE number = 1")
        #expect(error?.description.contains("001_outbox") == true)
    }

    @Test func aSchemaThatNamesANewerDaemonIsRefused() async throws {
        let error = try await reopening(after: "INSERT INTO gateway.schema_migrations VALUES (901, '901_next', 'x', 901)")
        #expect(error?.description.contains("901_next") == true)
    }

    @Test func aNewerSchemaThatThisDaemonCanWorkOnIsTaken() async throws {
        #expect(try await reopening(after: "INSERT INTO gateway.schema_migrations VALUES (901, '901_next', 'x', 90)") == nil)
    }

    @Test func eightOpenersApplyEachMigrationOnce() async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { await (try await database.store(connections: 2)).close() } }
                try await group.waitForAll()
            }
            #expect(try await database.values("SELECT number FROM gateway.schema_migrations ORDER BY number", as: Int.self) == all)
        }
    }

    @Test func verifyingChangesNothing() async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            let error = await #expect(throws: StoreError.self) { try await database.store(migrate: .verify) }
            #expect(error?.description.contains("001_outbox") == true)
            #expect(try await database.values("SELECT to_regnamespace('gateway') IS NULL", as: Bool.self) == [true])
            let location = try PostgresLocation(url: database.url)
            #expect(try await PostgresStore.plan(location, logger: quiet).map(\.state) == all.map { _ in .pending })
            await #expect(throws: StoreError.self) { try await PostgresStore.verify(location, logger: quiet) }
            #expect(try await PostgresStore.migrate(location, logger: quiet).map(\.state) == all.map { _ in .applied })
            try await PostgresStore.verify(location, logger: quiet)
            await (try await database.store(migrate: .verify)).close()
        }
    }

    @Test func migrationsAreTakenBackWhereThatIsPossible() async throws {
        try await PostgresDatabase.with { database in
            let location = try PostgresLocation(url: database.url)
            try await PostgresStore.rollBack(location, to: 89, logger: quiet)
            #expect(try await PostgresStore.plan(location, logger: quiet).last?.state == .pending)
            try await PostgresStore.rollBack(location, to: 1, logger: quiet)
            let applied = try await PostgresStore.plan(location, logger: quiet).filter { $0.state == .applied }
            #expect(applied.map(\.number) == [1])
            let error = await #expect(throws: StoreError.self) { try await PostgresStore.rollBack(location, to: 0, logger: quiet) }
            #expect(error?.description.contains("drop the schema") == true)
            // What was taken back comes again, with partitions for the days that are there.
            let store = try await database.store()
            let event = StoredEvent(
                id: .make(), organizationID: organization, trigger: "t", payload: [123, 125], bodyHash: [1], acceptedAt: start)
            #expect(try await store.commit(EventCommit(event: event, decisions: [])) == .committed)
            await store.close()
        }
    }

    @Test func whatANewerDaemonBroughtIsNotTakenBack() async throws {
        try await PostgresDatabase.with { database in
            try await database.run("INSERT INTO gateway.schema_migrations VALUES (901, '901_next', 'x', 90)")
            let error = await #expect(throws: StoreError.self) {
                try await PostgresStore.rollBack(PostgresLocation(url: database.url), to: 4, logger: quiet)
            }
            #expect(error?.description.contains("901_next") == true)
            #expect(try await database.values("SELECT count(*) FROM gateway.schema_migrations", as: Int.self) == [all.count + 1])
        }
    }

    /// The daemon that comes before the schema of its workflows: everything takes the legacy path until they are there.
    @Test func aSchemaFromBeforeTheWorkflowEngineIsWorkedOn() async throws {
        try await PostgresDatabase.with { database in
            let location = try PostgresLocation(url: database.url)
            try await PostgresStore.rollBack(location, to: 89, logger: quiet)
            let store = try await database.store(migrate: .verify)
            let lead = try #require(LeadID("l-1"))
            let seed = WorkflowSeed(workflows: [workflow], rules: [])
            #expect(
                try await store.createOrganization(Organization(id: organization, name: "Old", createdAt: start), seed: seed, audit: nil))
            #expect(try await store.organization(organization)?.wasSeeded == false)
            #expect(try await store.workflowSet(organization) == WorkflowSet(organizationID: organization, version: 0))
            #expect(try await store.override(lead, organizationID: organization) == nil)
            #expect(try await store.lead(lead, organizationID: organization) == nil)
            let event = StoredEvent(
                id: .make(), organizationID: organization, trigger: "t", payload: [123, 125], bodyHash: [1], acceptedAt: start)
            #expect(try await store.commit(EventCommit(event: event, decisions: [], lead: Lead(id: lead, source: "web"))) == .committed)
            let error = await #expect(throws: StoreError.self) {
                try await store.setLead(Lead(id: lead), organizationID: organization, audit: nil)
            }
            #expect(error?.description.contains("090_workflow_engine_foundation") == true)

            // It notices by itself that they have come, and that they have gone again.
            _ = try await PostgresStore.migrate(location, logger: quiet)
            try await store.setLead(Lead(id: lead, source: "phone"), organizationID: organization, audit: nil)
            #expect(try await store.lead(lead, organizationID: organization)?.source == "phone")
            #expect(try await store.organization(organization)?.wasSeeded == false, "who was there before is not seeded")
            try await PostgresStore.rollBack(location, to: 89, logger: quiet)
            #expect(try await store.lead(lead, organizationID: organization) == nil)
            await store.close()
        }
    }

    /// Nothing that worked stops working, and nobody waits, though somebody reads for long.
    @Test func theWorkflowEngineComesWhileDaemonsAreAtWork() async throws {
        try await PostgresDatabase.with { database in
            let location = try PostgresLocation(url: database.url)
            try await PostgresStore.rollBack(location, to: 89, logger: quiet)
            let store = try await database.store(migrate: .verify, connections: 6)
            _ = try await store.createOrganization(
                Organization(id: organization, name: "Old", createdAt: start), seed: WorkflowSeed(workflows: [workflow], rules: []),
                audit: nil)
            let rounds = Watched([0, 0, 0])
            let isDone = Watched(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<3 {
                    group.addTask { [self] in
                        while !isDone.withLock({ $0 }), !Task.isCancelled {
                            try await work(on: store)
                            rounds.withLock { $0[number] += 1 }
                        }
                    }
                }
                group.addTask {
                    defer { isDone.withLock { $0 = true } }
                    await rounds.wait { $0.allSatisfy { $0 >= 3 } }
                    try await database.withPool { pool in
                        let migrated = try await pool.withTransaction { transaction throws(PostgresError) in
                            _ = try await transaction.run(
                                .count("SELECT FROM gateway.organizations, gateway.deliveries, gateway.outbox LIMIT 1"))
                            let migrated: Result<[MigrationStatus], StoreError>
                            do throws(StoreError) { migrated = .success(try await PostgresStore.migrate(location, logger: quiet)) } catch {
                                migrated = .failure(error)
                            }
                            return .commit(migrated)
                        }
                        #expect(try migrated.get().allSatisfy { $0.state == .applied })
                    }
                    let before = rounds.withLock { $0 }
                    await rounds.wait { after in zip(before, after).allSatisfy { $0.0 + 3 <= $0.1 } }
                }
                try await group.waitForAll()
            }
            #expect(try await store.workflowSet(organization) == WorkflowSet(organizationID: organization, version: 0), "not seeded")
            #expect(try await store.organization(organization)?.wasSeeded == false)
            let counts = try await store.counts(at: start, organizationID: nil)
            #expect(counts.states == [.email: [.succeeded: rounds.withLock { $0.reduce(0, +) }]])
            await store.close()
        }
    }

    /// One event by the legacy path, sent.
    private func work(on store: PostgresStore) async throws {
        let lead = try #require(LeadID("l-1"))
        let event = StoredEvent(
            id: .make(), organizationID: organization, trigger: "t", leadID: lead, payload: [123, 125], bodyHash: [1], acceptedAt: start)
        _ = try await store.workflowSet(organization)
        _ = try await store.override(lead, organizationID: organization)
        let commit = EventCommit(event: event, decisions: [], messages: [Given.message()], lead: Lead(id: lead, source: "web"))
        #expect(try await store.commit(commit) == .committed)
        _ = try await store.organizations()
        // Of those at work one may take what another has put in.
        var settled = 0
        while settled == 0 {
            let claimed = try await store.claim(Given.claim(1)).deliveries
            settled = try await store.settle(claimed.map { $0.succeeded() }).count
        }
    }

    private var workflow: Workflow {
        Workflow(id: .make(), workflowKey: "default", name: "Default", steps: [], createdAt: start, updatedAt: start)
    }

    /// No table of a tenant can hold one tenant's row under another's key.
    @Test func everyKeyOfATenantsTableContainsItsOrganization() async throws {
        let global = ["schema_migrations", "write_checks", "quote_tokens", "leadership"]
        try await PostgresDatabase.with { database in
            let keys = try await database.values(
                """
                SELECT c.conrelid::regclass::text || '.' || c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
                WHERE t.relnamespace = 'gateway'::regnamespace AND c.contype IN ('p', 'f')
                    AND t.relname <> ALL ('{\(global.joined(separator: ","))}')
                    AND NOT EXISTS (
                        SELECT FROM pg_attribute a
                        WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) AND a.attname = 'organization_id')
                """, as: String.self)
            #expect(keys == [])
            let lacking = try await database.values(
                """
                SELECT t.relname::text FROM pg_class t
                WHERE t.relnamespace = 'gateway'::regnamespace AND t.relkind IN ('r', 'p')
                    AND t.relname <> ALL ('{\(global.joined(separator: ","))}')
                    AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'organization_id' AND a.attnotnull)
                """, as: String.self)
            #expect(lacking == [])
            let unique = try await database.values(
                """
                SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
                WHERE t.relnamespace = 'gateway'::regnamespace AND i.indisunique
                    AND t.relname <> ALL ('{\(global.joined(separator: ","))}')
                    AND NOT EXISTS (
                        SELECT FROM pg_attribute a
                        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname = 'organization_id')
                """, as: String.self)
            #expect(unique == [])
            let count = try await database.values(
                "SELECT count(*) FROM pg_constraint WHERE connamespace = 'gateway'::regnamespace AND contype IN ('p', 'f')", as: Int.self)
            #expect(try #require(count.first) > 25)
        }
    }
}
