import GatewayModel
import GatewayTestKit
import Logging
import PostgresClient
import PostgresStore
import StoreBackends
import Testing

/// What the store on PostgreSQL does for daemons that have a spool beside it.
@Suite(.timeLimit(.minutes(2))) struct BesideSpoolTests {
    /// A call waits for a lock, and is given up; those without a limit of their own wait on.
    @Test func aCallIsGivenUpInTime() async throws {
        try await PostgresDatabase.with { database in
            let store = try await database.store()
            let (isHeld, mayGo) = (Watched(false), Watched(false))
            let holder = Task {
                try await database.withPool { pool in
                    try await pool.withTransaction { transaction throws(PostgresError) in
                        try await transaction.script("LOCK TABLE gateway.organizations IN ACCESS EXCLUSIVE MODE")
                        isHeld.withLock { $0 = true }
                        await mayGo.wait { $0 }
                        return .rollBack(())
                    }
                }
            }
            await isHeld.wait { $0 }
            let patient = Task { try await store.organizations() }
            let error = await store.within(.milliseconds(50)) { () -> StoreError? in
                do throws(StoreError) { _ = try await store.organizations() } catch { return error }
                return nil
            }
            #expect(error == .unavailable)
            mayGo.withLock { $0 = true }
            try await holder.value
            #expect(try await patient.value.isEmpty)
            await store.close()
        }
    }

    @Test func aStoreThatIsOpenedLaterRefusesUntilThen() async throws {
        try await PostgresDatabase.with(isEmpty: true) { database in
            let store = PostgresStore(
                later: try PostgresLocation(url: database.url), clock: ManualClock(),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            await #expect(throws: StoreError.unavailable) { try await store.checkWritable() }
            await #expect(throws: StoreError.self) { try await store.open(.verify) }
            await #expect(throws: StoreError.unavailable) { try await store.checkWritable() }
            try await store.open(.apply)
            try await store.checkWritable()
            #expect(try await store.organizations().isEmpty)
            await store.close()
        }
    }
}
