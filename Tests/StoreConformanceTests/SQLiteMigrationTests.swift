import AdapterKit
import GRDB
import GatewayModel
import StoreBackends
import Testing

@testable import SQLiteStore

/// Which schemas a daemon works on, and which it leaves alone.
@Suite(.timeLimit(.minutes(1))) struct SQLiteMigrationTests {
    private let start = Timestamp(year: 2026, month: 3, day: 1, hour: 9)
    private let organization = OrganizationID(UUIDBits(high: 1, low: 1))

    /// Changes a store's file while nobody has it open.
    private func edit(_ folder: TestFolder, _ sql: String) async throws {
        let queue = try DatabaseQueue(path: folder.path("store"))
        try await queue.writeWithoutTransaction { db in try db.execute(sql: sql) }
        try queue.close()
    }

    private func reopening(after sql: String) async throws -> StoreError? {
        let folder = try TestFolder()
        defer { folder.remove() }
        await (try await folder.store()).close()
        try await edit(folder, sql)
        do {
            await (try await folder.store()).close()
            return nil
        } catch let error as StoreError {
            return error
        }
    }

    @Test func whatOneProcessHasOpenNoOtherLooksInto() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let store = try await folder.store()
        for look in [
            { () async throws in _ = try await SQLiteStore.plan(path: folder.path("store")) },
            { () async throws in try await SQLiteStore.verify(path: folder.path("store")) },
        ] {
            let error = await #expect(throws: StoreError.self) { try await look() }
            #expect(error?.description.contains("Another process has the store open") == true)
        }
        await store.close()
        #expect(try await SQLiteStore.plan(path: folder.path("store")) == SQLiteStore.migrations(in: .applied))
        try await SQLiteStore.verify(path: folder.path("store"))
    }

    @Test func aMigrationThatWasEditedIsRefused() async throws {
        let error = try await reopening(after: "UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
        #expect(error?.description.contains("001_outbox") == true)
    }

    @Test func aSchemaThatNamesANewerDaemonIsRefused() async throws {
        let error = try await reopening(after: "INSERT INTO schema_migrations VALUES (901, '901_next', 'x', 901, 0)")
        #expect(error?.description.contains("901_next") == true)
    }

    @Test func aNewerSchemaThatThisDaemonCanWorkOnIsTaken() async throws {
        #expect(try await reopening(after: "INSERT INTO schema_migrations VALUES (901, '901_next', 'x', 90, 0)") == nil)
    }

    @Test func verifyingChangesNothing() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let error = await #expect(throws: StoreError.self) { try await folder.store(migrate: .verify) }
        #expect(error?.description.contains("090_workflow_engine_foundation") == true)
        await (try await folder.store(migrate: .apply)).close()
        await (try await folder.store(migrate: .verify)).close()
    }

    @Test func organizationsFromBeforeTheWorkflowEngineAreNotSeeded() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let queue = try DatabaseQueue(path: folder.path("store"))
        try await queue.writeWithoutTransaction { [start] db in
            try SQLiteStore.applyMigrations(before: 90, to: try #require(db.sqliteConnection), now: start)
            try db.execute(sql: "INSERT INTO organizations VALUES (x'00000000000000010000000000000001', 'Old', NULL, 0)")
        }
        try queue.close()
        let store = try await folder.store()
        let seed = WorkflowSeed(
            workflows: [Workflow(id: .make(), workflowKey: "default", name: "Default", steps: [], createdAt: start, updatedAt: start)],
            rules: [])
        let old = Organization(id: organization, name: "Old", createdAt: start)
        #expect(try await store.createOrganization(old, seed: seed, audit: nil) == false)
        #expect(try await store.organization(organization)?.wasSeeded == false)
        #expect(try await store.workflowSet(organization).workflows == [])
        let statuses = try await store.migrations()
        #expect(statuses.map(\.number) == [1, 2, 3, 4, 90])
        #expect(statuses.allSatisfy { $0.state == .applied })
        await store.close()
    }
}
