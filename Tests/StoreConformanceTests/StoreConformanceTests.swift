import AdapterKit
import Foundation
import GatewayModel
import GatewayTestKit
import Logging
import SQLiteStore
import StoreConformance
import Testing

/// The kinds of store there are.
enum Backend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory, sqlite

    var testDescription: String { rawValue }

    func harness(in folder: TestFolder) -> StoreHarness {
        switch self {
        case .memory:
            StoreHarness {
                InMemoryStore()
            } reopen: { store in
                try #require(store as? InMemoryStore).copy()
            }
        case .sqlite:
            StoreHarness {
                try await folder.store("store")
            } reopen: { _ in
                // The files as they lie there, while the store still has them open: what a kill leaves behind.
                try folder.copy("store", to: "copy")
                return try await folder.store("copy")
            }
        }
    }
}

@Suite struct StoreConformanceTests {
    @Test(arguments: Backend.allCases, StoreCase.all)
    func keepsItsPromise(_ backend: Backend, _ promise: StoreCase) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        try await promise.run(on: backend.harness(in: folder))
    }

    @Test func everyPromiseHasANameOfItsOwn() {
        let names = StoreCase.all.map(\.name)
        #expect(Set(names).count == names.count)
    }
}

/// A folder for one test's stores.
struct TestFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("store-" + UUIDBits.version7().text)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name + ".db").path }

    func store(_ name: String = "store", migrate: SQLiteMigration = .apply) async throws -> SQLiteStore {
        try await SQLiteStore(path: path(name), clock: ManualClock(), logger: Logger(label: "test"), migrate: migrate)
    }

    func copy(_ name: String, to other: String) throws {
        for suffix in ["", "-wal"] {
            try? FileManager.default.removeItem(atPath: path(other) + suffix)
            try FileManager.default.copyItem(atPath: path(name) + suffix, toPath: path(other) + suffix)
        }
    }

    func remove() { try? FileManager.default.removeItem(at: url) }
}
