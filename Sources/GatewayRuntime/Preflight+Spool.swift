import Foundation
import GatewayModel
import SQLiteStore

extension Preflight {
    /// Less than this is told of; with less than the second the spool would soon take nothing more.
    private static let (fairSpace, leastSpace) = (1 << 30, 64 << 20)

    /// Whether the spool could take events: nothing where the store is embedded and none is asked for.
    static func checkSpool(_ configuration: GatewayConfiguration) async -> [Line] {
        guard case .postgres = configuration.store else {
            return configuration.spool == nil
                ? [] : [Line(verdict: .warn, name: "spool", detail: "is not used: an embedded store is never away")]
        }
        guard let path = configuration.spool?.path else {
            return [
                Line(verdict: .warn, name: "spool", detail: "is not configured: while the store is away, calls about quotes are refused")
            ]
        }
        if let fault = StoreFile.fault(at: path) { return [Line(verdict: .fail, name: "spool", detail: fault)] }
        do throws(StoreError) { try await SQLiteSpool.verify(path: path) } catch {
            return [Line(verdict: .fail, name: "spool", detail: "\(path): \(error)")]
        }
        // It holds what customers are told, and hashes of keys.
        for file in [path, path + "-wal"] where mode(of: file) & 0o077 != 0 {
            return [Line(verdict: .fail, name: "spool", detail: "\(file) is open to others than its owner: chmod 600 it")]
        }
        return [space(at: path)]
    }

    private static func mode(of path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue ?? 0
    }

    private static func space(at path: String) -> Line {
        let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
        let free = (try? FileManager.default.attributesOfFileSystem(forPath: folder)[.systemFreeSize] as? NSNumber)?.intValue
        guard let free else { return Line(verdict: .warn, name: "spool", detail: "nobody can tell how much room its disk has") }
        let room = "its disk has room for \(free >> 20) MB"
        if free < leastSpace { return Line(verdict: .fail, name: "spool", detail: room) }
        if free < fairSpace { return Line(verdict: .warn, name: "spool", detail: room) }
        return Line(verdict: .ok, name: "spool", detail: "it can be written, and \(room)")
    }
}
