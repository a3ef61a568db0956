public import AdapterKit
import Foundation
public import GatewayTestKit
import Logging
public import SQLiteStore

/// A folder for one test's stores.
public struct TestFolder: Sendable {
    private let url: URL
    private let clock: any WallClock
    let postgres: PostgresLoan

    /// - Parameter clock: what stores opened here take the time from.
    public init(clock: any WallClock = ManualClock()) throws {
        self.clock = clock
        postgres = PostgresLoan(clock: clock)
        url = FileManager.default.temporaryDirectory.appendingPathComponent("store-" + UUIDBits.version7().text)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    public func path(_ name: String) -> String { url.appendingPathComponent(name + ".db").path }

    public func store(_ name: String = "store", migrate: SQLiteMigration = .apply) async throws -> SQLiteStore {
        try await SQLiteStore(
            path: path(name), clock: clock, logger: .quiet, migrate: migrate)
    }

    public func copy(_ name: String, to other: String) throws {
        for suffix in ["", "-wal"] {
            try? FileManager.default.removeItem(atPath: path(other) + suffix)
            try FileManager.default.copyItem(atPath: path(name) + suffix, toPath: path(other) + suffix)
        }
    }

    public func remove() {
        try? FileManager.default.removeItem(at: url)
        postgres.giveBack()
    }
}
