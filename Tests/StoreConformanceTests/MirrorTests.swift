import AdapterKit
import GatewayModel
import GatewayTestKit
import Logging
import PostgresStore
import SQLiteStore
import StoreBackends
import Testing

/// The copy of what decides is as its original, and only what has changed is read.
@Suite(.timeLimit(.minutes(2))) struct MirrorTests {
    private static let now = Timestamp(year: 2026, month: 3, day: 1, hour: 9)

    private func withSpool(_ body: (PostgresStore, SQLiteSpool, String) async throws -> Void) async throws {
        try await PostgresDatabase.with { database in
            let main = try await database.store()
            let folder = try TestFolder()
            let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            let spool = try await SQLiteSpool(path: folder.path("spool.db"), clock: ManualClock(), logger: logger)
            var failure: (any Error)?
            do { try await body(main, spool, folder.path("spool.db")) } catch { failure = error }
            await spool.close()
            await main.close()
            folder.remove()
            if let failure { throw failure }
        }
    }

    private func mirror(_ main: PostgresStore, _ spool: SQLiteSpool) async throws -> MirrorUpdate {
        let update = try await main.mirror(since: try await spool.mirrorMarks())
        try await spool.mirror(update, takenAt: Self.now)
        return update
    }

    @Test func theCopyIsAsItsOriginal() async throws {
        try await withSpool { main, spool, path in
            let organization = Organization(id: .make(), name: "Dak BV", createdAt: Self.now)
            let workflow = Workflow(
                id: .make(), workflowKey: "w", name: "w",
                steps: [Step(id: .make(), trigger: "quote_sent", channel: .email, stepOrder: 10, templateBody: "Hoi")], createdAt: Self.now,
                updatedAt: Self.now)
            let rule = AssignmentRule(id: .make(), workflowID: workflow.id, name: "r", createdAt: Self.now, updatedAt: Self.now)
            _ = try await main.createOrganization(
                organization, seed: WorkflowSeed(workflows: [workflow], rules: [rule]), audit: nil)
            let key = APIKey(
                id: .make(), organizationID: organization.id, name: "k", role: .quotes, tokenHash: [UInt8](repeating: 1, count: 32),
                createdAt: Self.now)
            try await main.createKey(key, audit: nil)
            let lead = try #require(LeadID("l-1"))
            let override = LeadOverride(leadID: lead, mode: .clear, createdAt: Self.now, updatedAt: Self.now)
            try await main.setOverride(override, organizationID: organization.id, audit: nil)
            let suppression = Suppression(
                id: .make(), organizationID: organization.id, endpoint: Endpoint(channel: .email, address: "a@b.example"),
                scope: .organization, reason: .manual, actor: "test", createdAt: Self.now)
            _ = try await main.suppress(suppression, audit: nil)

            #expect(try await spool.mirroredAt() == nil)
            #expect(try await spool.mirrorMarks() == nil)
            _ = try await mirror(main, spool)
            let copy = spool.store
            #expect(try await spool.mirroredAt() == Self.now)
            try PostgresStore.verify(await SQLiteSpool.mirroredSchema(path: path))
            #expect(try await copy.organizations() == main.organizations())
            #expect(try await copy.workflowSet(organization.id) == main.workflowSet(organization.id))
            #expect(try await copy.override(lead, organizationID: organization.id) == override)
            #expect(try await copy.key(tokenHash: key.tokenHash) == key)
            #expect(try await copy.suppressions(SuppressionQuery()).elements == [suppression])

            let same = try await mirror(main, spool)
            #expect(same.organizations == nil && same.keys == nil && same.overrides == nil && same.suppressions == nil)
            #expect(same.workflows.isEmpty)

            _ = try await main.revokeKey(key.id, at: Self.now, audit: nil)
            _ = try await main.unsuppress(suppression.id, organizationID: nil, audit: nil)
            _ = try await main.removeOverride(lead, organizationID: organization.id, audit: nil)
            _ = try await main.replaceWorkflows([], rules: [], organizationID: organization.id, expecting: nil, audit: nil)
            let changed = try await mirror(main, spool)
            #expect(changed.organizations == nil && changed.workflows.map(\.organizationID) == [organization.id])
            #expect(try await copy.key(tokenHash: key.tokenHash)?.revokedAt == Self.now)
            #expect(try await copy.suppressions(SuppressionQuery()).elements.isEmpty)
            #expect(try await copy.override(lead, organizationID: organization.id) == nil)
            #expect(try await copy.workflowSet(organization.id) == main.workflowSet(organization.id))
        }
    }
}
