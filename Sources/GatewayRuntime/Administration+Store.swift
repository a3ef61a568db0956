import AdapterKit
public import GatewayModel
import Logging
import QuoteBridge
import SQLiteStore
import Signing

extension Administration {
    /// Runs one command on the configured store, opened for it.
    ///
    /// - Throws: a `StoreError`, when another process has the store or its schema does not fit.
    public static func onStore(of configuration: GatewayConfiguration, _ command: Command) async throws(StoreError) -> Answer {
        let store = try await store(of: configuration)
        let answer = await Administration(store: store).run(command)
        await store.close()
        return answer
    }

    private static func store(of configuration: GatewayConfiguration) async throws(StoreError) -> SQLiteStore {
        try await SQLiteStore(
            path: configuration.storePath, clock: SystemClock(),
            logger: Logger(label: "gatewayd", factory: { _ in SwiftLogNoOpLogHandler() }),
            // Another command is done in a moment.
            migrate: .apply, patience: .seconds(10))
    }

    /// Why the keyring does not open what the store holds; nil when it does. The store's schema must be current.
    static func sealingFault(in configuration: GatewayConfiguration) async throws(StoreError) -> SealingError? {
        guard let keyring = try? Keyring(parsing: configuration.keyring.reveal()) else { return .failed }
        let store = try await store(of: configuration)
        let fault = await SealingCheck(store: store, sealer: KeyringSealer(keyring)).fault()
        await store.close()
        return fault
    }

    /// Throws unless a daemon of this version can work on the store as it is.
    public static func verifySchema(of configuration: GatewayConfiguration) async throws(StoreError) {
        try await SQLiteStore.verify(path: configuration.storePath)
    }

    /// Takes back every migration above `number`, with the data that it brought.
    public static func rollBackSchema(of configuration: GatewayConfiguration, to number: Int) async throws(StoreError) {
        try await SQLiteStore.rollBack(path: configuration.storePath, to: number)
    }

    /// The schema's migrations, after those that are pending were applied where that is wanted.
    public static func migrations(of configuration: GatewayConfiguration, applying: Bool) async throws(StoreError) -> [MigrationStatus] {
        if applying { _ = try await onStore(of: configuration, .migrations) }
        return try await SQLiteStore.plan(path: configuration.storePath)
    }
}
