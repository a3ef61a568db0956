import AdapterKit
import GRDB
import GatewayModel
import StoreBackends
import Testing

@testable import SQLiteStore

/// Migrations are taken back only whole, and nothing else goes with them.
@Suite(.timeLimit(.minutes(1))) struct SQLiteRollBackTests {
    private let start = Timestamp(year: 2026, month: 3, day: 1, hour: 9)
    private let organization = OrganizationID(UUIDBits(high: 1, low: 1))

    private func message() -> NewMessage {
        NewMessage(
            id: .make(), organizationID: organization, createdAt: start,
            deliveries: [
                NewDelivery(
                    id: .make(), endpoint: Endpoint(channel: .email, address: "a@example.com"), content: RenderedContent(["subject": "S"]),
                    origin: .api, maxAttempts: 5, deadline: start + .seconds(86_400), dueAt: start)
            ])
    }

    /// A store with something of everything, closed.
    private func filled(_ folder: TestFolder) async throws {
        let store = try await folder.store()
        let workflow = Workflow(id: .make(), workflowKey: "default", name: "D", steps: [], createdAt: start, updatedAt: start)
        _ = try await store.createOrganization(
            Organization(id: organization, name: "O", createdAt: start), seed: WorkflowSeed(workflows: [workflow], rules: []), audit: nil)
        _ = try await store.accept([message()])
        let suppression = Suppression(
            id: .make(), organizationID: organization, endpoint: Endpoint(channel: .email, address: "s@example.com"), scope: .organization,
            reason: .optOut, actor: "test", createdAt: start)
        _ = try await store.suppress(suppression, audit: nil)
        await store.close()
    }

    private func states(_ folder: TestFolder) async throws -> [String] {
        try await SQLiteStore.plan(path: folder.path("store")).map { "\($0.number) \($0.state.rawValue)" }
    }

    @Test func theNewestGoesAndComesBackEmptyWhileTheRestStays() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try await filled(folder)
        try await SQLiteStore.rollBack(path: folder.path("store"), to: 89)
        #expect(try await states(folder) == ["1 applied", "2 applied", "3 applied", "4 applied", "90 pending"])
        let queue = try DatabaseQueue(path: folder.path("store"))
        let left = try await queue.read { db in
            try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        }
        #expect(left.filter { $0.contains("workflow") || $0.contains("lead") || $0.contains("rule") } == [])
        try queue.close()

        let store = try await folder.store()
        #expect(try await store.workflowSet(organization).workflows == [])
        #expect(try await store.organization(organization)?.name == "O")
        #expect(try await store.organization(organization)?.wasSeeded == false)
        #expect(try await store.counts(at: start, organizationID: nil).accepted == 1)
        #expect(try await store.counts(at: start, organizationID: nil).unaccounted == 0)
        #expect(try await store.suppressions(SuppressionQuery(organizationID: organization)).elements.count == 1)
        #expect(try await store.migrations().allSatisfy { $0.state == .applied })
        await store.close()
    }

    @Test(arguments: [4, 3, 2, 1]) func everyMigrationButTheFirstHasAWayDown(number: Int) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try await filled(folder)
        try await SQLiteStore.rollBack(path: folder.path("store"), to: number)
        #expect(try await states(folder).filter { $0.hasSuffix(" applied") }.count == number)
        let store = try await folder.store()
        #expect(try await store.counts(at: start, organizationID: nil).unaccounted == 0)
        #expect(try await store.counts(at: start, organizationID: nil).accepted == 1)
        await store.close()
    }

    @Test func whatCannotBeTakenBackStopsAllOfIt() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try await filled(folder)
        let error = await #expect(throws: StoreError.self) { try await SQLiteStore.rollBack(path: folder.path("store"), to: 0) }
        #expect(error?.description.contains("001_outbox cannot be taken back: it is the store itself") == true)
        #expect(try await states(folder).allSatisfy { $0.hasSuffix(" applied") })
    }

    @Test func aNewerDaemonsMigrationIsItsOwnToTakeBack() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try await filled(folder)
        let queue = try DatabaseQueue(path: folder.path("store"))
        try await queue.writeWithoutTransaction { db in
            try db.execute(sql: "INSERT INTO schema_migrations VALUES (901, '901_next', 'x', 90, 0)")
        }
        try queue.close()
        let error = await #expect(throws: StoreError.self) { try await SQLiteStore.rollBack(path: folder.path("store"), to: 89) }
        #expect(error?.description.contains("901_next") == true)
        #expect(try await states(folder) == ["1 applied", "2 applied", "3 applied", "4 applied", "90 applied", "901 unknown"])
        try await SQLiteStore.verify(path: folder.path("store"))
    }

    @Test func anOpenStoreIsLeftAlone() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let store = try await folder.store()
        let error = await #expect(throws: StoreError.self) { try await SQLiteStore.rollBack(path: folder.path("store"), to: 89) }
        #expect(error?.description.hasPrefix("Another process has the store open.") == true)
        await store.close()
        let none = await #expect(throws: StoreError.self) { try await SQLiteStore.rollBack(path: folder.path("none"), to: 89) }
        #expect(none == .schema("There is no store yet."))
    }
}
