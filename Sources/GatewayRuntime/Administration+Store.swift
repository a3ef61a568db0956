import AdapterKit
public import GatewayModel
import Logging
import SQLiteStore

extension Administration {
    /// Runs one command on the configured store, opened for it.
    ///
    /// - Throws: a `StoreError`, when another process has the store or its schema does not fit.
    public static func onStore(of configuration: GatewayConfiguration, _ command: Command) async throws(StoreError) -> Answer {
        let store = try await SQLiteStore(
            path: configuration.storePath, clock: SystemClock(), logger: Logger(label: "gatewayd", factory: { _ in SwiftLogNoOpLogHandler() }),
            migrate: .apply)
        let answer = await Administration(store: store).run(command)
        await store.close()
        return answer
    }

    /// The schema's migrations, after those that are pending were applied where that is wanted.
    public static func migrations(of configuration: GatewayConfiguration, applying: Bool) async throws(StoreError) -> [MigrationStatus] {
        if applying { _ = try await onStore(of: configuration, .migrations) }
        return try await SQLiteStore.plan(path: configuration.storePath)
    }
}
