import AdapterKit
import Foundation
import GRDB
import GatewayModel
import GatewayTestKit
public import StoreConformance

/// The kinds of store there are, as tests open them: whatever must hold on every store takes them as its arguments.
public enum Backend: String, CaseIterable, Sendable, CustomStringConvertible {
    case memory, sqlite, postgres
    /// PostgreSQL behind a PgBouncer that works by transactions.
    case pooled

    /// What is said of PostgreSQL is said of it behind a pooler too; only the store's own promises are held there once more.
    public static var allCases: [Backend] { [.memory, .sqlite, .postgres] }

    public var description: String { rawValue }

    /// Opens stores of this kind within a folder.
    public func harness(in folder: TestFolder) -> StoreHarness {
        switch self {
        case .memory:
            StoreHarness {
                InMemoryStore()
            } reopen: { store in
                guard let store = store as? InMemoryStore else { throw StoreError.unavailable }
                return store.copy()
            } spoil: { id, store in
                (store as? InMemoryStore)?.spoil(id)
            }
        case .sqlite:
            StoreHarness {
                try await folder.store("store")
            } reopen: { _ in
                // The files as they lie there, while the store still has them open: what a kill leaves behind.
                try folder.copy("store", to: "copy")
                return try await folder.store("copy")
            } spoil: { id, _ in
                // Another connection, behind the store's back.
                let queue = try DatabaseQueue(path: folder.path("store"))
                try await queue.write { database in
                    try database.execute(
                        sql: "DELETE FROM contents WHERE delivery = (SELECT number FROM deliveries WHERE id = ?)",
                        arguments: [Data(id.bits.bytes)])
                }
                try queue.close()
            }
        case .postgres, .pooled: folder.postgres.harness(isPooled: self == .pooled)
        }
    }
}
