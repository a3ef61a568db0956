import AdapterKit
import GatewayModel
import Logging
import PostgresStore
import QuoteBridge
import SQLiteStore
import ServiceLifecycle
import Signing

/// Opens a shared store that was away when the daemon began, once it is there.
///
/// Until then the daemon works on its spool. A store that turns out to be none for this daemon ends it, as it would have at the start.
struct LateOpening: Service, CustomStringConvertible {
    let store: PostgresStore
    let migrate: PostgresMigration
    let sealer: any Sealer

    var description: String { "late opening" }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await store.open(migrate)
                    if let fault = await SealingCheck(store: store, sealer: sealer).fault() {
                        throw Faults([Fault("secrets.keyring", "does not open what the store holds: \(fault)")])
                    }
                    return
                } catch let error as StoreError where error.passes {
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        }
        // A service that ends would end the daemon.
        try? await gracefulShutdown()
    }
}

extension StoreError {
    /// Whether it may be otherwise in a moment.
    fileprivate var passes: Bool {
        switch self {
        case .unavailable, .outcomeUnknown, .full: true
        case .schema, .corrupt, .driver: false
        }
    }
}

extension SpoolSection {
    /// Whether a daemon can begin on the spool alone: once it has seen the store, with a schema on which it can work.
    func isFitToBegin(_ logger: Logger) async throws(StoreError) -> Bool {
        let seen = try await SQLiteSpool.mirroredSchema(path: path)
        guard !seen.isEmpty else {
            logger.error("the store is away, and the spool has not seen it yet: there is nothing to begin on")
            return false
        }
        do throws(StoreError) { try PostgresStore.verify(seen) } catch {
            logger.error(
                "the store is away, and its schema as the spool has seen it last is none for this daemon", metadata: ["cause": "\(error)"])
            return false
        }
        logger.warning("the store is away: the daemon begins on its spool")
        return true
    }
}
