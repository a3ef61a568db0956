import AdapterKit
import Foundation
import GatewayModel
import Signing

/// Reads an export from front to back: first all of it, to know that it is whole, then row by row.
///
/// Unchecked, because it holds where it stands: it is only ever touched on its queue, where reading may block.
final class TransferFileReader: TransferSource, @unchecked Sendable {
    let header: TransferHeader
    let digest: [UInt8]
    private let tables: [String: TransferTable]
    private var lines: TransferFileLines
    private let queue: DispatchQueue
    /// The first row of the next batch, where reading the last one met another table.
    private var ahead: (table: TransferTable, cells: [TransferCell])?

    private static let mostRows = 1000
    private static let mostBytes = 4 << 20

    /// Reads the whole file once; throws unless it is as it was written.
    static func open(path: String) async throws(TransferError) -> TransferFileReader {
        let queue = DispatchQueue(label: "export-reader")
        let opened: Result<TransferFileReader, TransferError> = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(
                    returning: Result { () throws(TransferError) in try TransferFileReader(path: path, queue: queue) })
            }
        }
        return try opened.get()
    }

    private init(path: String, queue: DispatchQueue) throws(TransferError) {
        self.queue = queue
        digest = try Self.verify(path)
        lines = try TransferFileLines(path: path)
        header = try TransferLine.readHeader(try lines.next().flatMap { try? JSONValue(parsing: $0) })
        tables = Dictionary(header.tables.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The digest that the file's trailer names, once the file was found to have it.
    private static func verify(_ path: String) throws(TransferError) -> [UInt8] {
        var lines = try TransferFileLines(path: path)
        guard let first = try lines.next() else { throw incomplete }
        _ = try TransferLine.readHeader(try? JSONValue(parsing: first))
        var digest = SHA256.Running()
        digest.update(first)
        digest.update([0x0A])
        var rows = 0
        while let line = try lines.next() {
            guard line.first == 0x5B else {
                guard let json = try? JSONValue(parsing: line), let trailer = TransferLine.readTrailer(json) else { break }
                let own = digest.finish()
                guard trailer.rows == rows, trailer.digest == Hex.encode(own), try lines.next() == nil else {
                    throw .failed("the file is not as it was written: its checksum does not fit. Export again.")
                }
                return own
            }
            digest.update(line)
            digest.update([0x0A])
            rows += 1
        }
        throw incomplete
    }

    private static let incomplete = TransferError.failed(
        "the file is incomplete: it ends before its last line. Export again, or copy it again.")

    func next() async throws(TransferError) -> TransferBatch? {
        let result: Result<TransferBatch?, TransferError> = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: Result { () throws(TransferError) in try self.batch() }) }
        }
        return try result.get()
    }

    private func batch() throws(TransferError) -> TransferBatch? {
        var table = ahead?.table
        var rows = ahead.map { [$0.cells] } ?? []
        ahead = nil
        var bytes = 0
        while rows.count < Self.mostRows, bytes < Self.mostBytes, let line = try lines.next(), line.first == 0x5B {
            guard let json = try? JSONValue(parsing: line), let row = TransferLine.readRow(json, tables: tables) else {
                throw .failed("the file has a row that fits none of its tables. Export again.")
            }
            if let table, row.table != table {
                ahead = row
                break
            }
            table = row.table
            rows.append(row.cells)
            bytes += line.count
        }
        return table.map { TransferBatch(table: $0, rows: rows) }
    }
}

/// A file's lines, one after another, without their ends; a last line without an end is none.
struct TransferFileLines {
    private let file: FileHandle
    private var buffer: [UInt8] = []
    private var position = 0
    private let path: String

    private static let portion = 1 << 20

    init(path: String) throws(TransferError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .failed("\(path) cannot be read: \(String(cString: strerror(errno)))") }
        self.path = path
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    mutating func next() throws(TransferError) -> ArraySlice<UInt8>? {
        var searched = position
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0A) {
                defer { position = end + 1 }
                return buffer[position..<end]
            }
            searched = buffer.count - position
            buffer.removeFirst(position)
            position = 0
            let more: Data?
            do { more = try file.read(upToCount: Self.portion) } catch { throw .failed("\(path) cannot be read to its end") }
            guard let more, !more.isEmpty else { return nil }
            buffer.append(contentsOf: more)
        }
    }
}
