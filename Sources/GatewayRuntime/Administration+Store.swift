import AdapterKit
public import GatewayModel
import Logging
import PostgresStore
import QuoteBridge
import SQLiteStore
import Signing

extension Administration {
    /// Runs one command: in the daemon that has the embedded store open, else on the configured store, opened for it.
    ///
    /// - Throws: a `StoreError`, when the store cannot be opened or its schema does not fit; or what broke the talk with the daemon.
    public static func perform(_ command: Command, on configuration: GatewayConfiguration) async throws -> Answer {
        if let answer = try await ControlSocket.send(command, to: configuration.store) { return answer }
        let opened = try await open(configuration, migrating: command == .migrations)
        let answer = await Administration(store: opened.store, clock: opened.clock).run(command)
        await opened.store.close()
        return answer
    }

    /// Applies what is pending, where `store.migrate` lets a daemon do so too or `isAsked`.
    private static func open(_ configuration: GatewayConfiguration, migrating isAsked: Bool = false) async throws(StoreError) -> OpenedStore
    {
        try await OpenedStore(
            configuration.store, clock: nil, logger: .silent, appliesMigrations: isAsked || configuration.appliesMigrations,
            patience: patience)
    }

    /// Another command is done in a moment.
    private static let patience = Duration.seconds(10)

    /// What the daemon knows that has the embedded store open; nil without one: only one process ever opens the file.
    private static func runningMigrations(on store: StoreLocation) async -> [MigrationStatus]? {
        try? await ControlSocket.send(.migrations, to: store)?.migrations
    }

    /// Why the keyring does not open what the store holds; nil when it does. The store's schema must be current.
    static func sealingFault(in configuration: GatewayConfiguration) async throws(StoreError) -> SealingError? {
        guard let keyring = try? Keyring(parsing: configuration.keyring.reveal()) else { return .failed }
        let store = try await open(configuration).store
        let fault = await SealingCheck(store: store, sealer: KeyringSealer(keyring)).fault()
        await store.close()
        return fault
    }

    /// Throws unless a daemon of this version can work on the store as it is.
    public static func verifySchema(of configuration: GatewayConfiguration) async throws(StoreError) {
        switch configuration.store {
        case .embedded(let path):
            guard let running = await runningMigrations(on: configuration.store) else {
                return try await SQLiteStore.verify(path: path, patience: patience)
            }
            // The daemon made sure of its own at its start; what it cannot know is whether they are ours.
            guard running == SQLiteStore.migrations(in: .applied) else {
                throw .schema("The daemon that has the store open is of another version, whose migrations are not those of this one.")
            }
        case .postgres(let location): try await PostgresStore.verify(location, logger: .silent)
        }
    }

    /// Takes back every migration above `number`, with the data that it brought.
    public static func rollBackSchema(of configuration: GatewayConfiguration, to number: Int) async throws(StoreError) {
        switch configuration.store {
        case .embedded(let path): try await SQLiteStore.rollBack(path: path, to: number)
        case .postgres(let location): try await PostgresStore.rollBack(location, to: number, logger: .silent)
        }
    }

    /// The schema's migrations; changes nothing.
    public static func migrations(of configuration: GatewayConfiguration) async throws(StoreError) -> [MigrationStatus] {
        switch configuration.store {
        case .embedded(let path):
            if let running = await runningMigrations(on: configuration.store) { return running }
            return try await SQLiteStore.plan(path: path, patience: patience)
        case .postgres(let location): return try await PostgresStore.plan(location, logger: .silent)
        }
    }
}
