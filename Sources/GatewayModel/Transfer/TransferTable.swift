public import AdapterKit

/// A table as it travels from one store to another: its columns in their order, and how many rows follow.
public struct TransferTable: Hashable, Sendable {
    /// What a column holds, by the name that its schema gives it.
    public enum Kind: String, Hashable, Sendable {
        case integer = "INTEGER"
        case text = "TEXT"
        case bytes = "BLOB"
    }

    public struct Column: Hashable, Sendable {
        public var name: String
        public var kind: Kind

        public init(name: String, kind: Kind) {
            self.name = name
            self.kind = kind
        }
    }

    public var name: String
    public var columns: [Column]
    public var rows: Int

    public init(name: String, columns: [Column], rows: Int) {
        self.name = name
        self.columns = columns
        self.rows = rows
    }
}

/// One stored value.
public enum TransferCell: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

/// What stands at the head of what travels.
public struct TransferHeader: Hashable, Sendable {
    public var writtenAt: Timestamp
    /// The numbers of the migrations that made the tables what they are.
    public var migrations: [Int]
    public var tables: [TransferTable]

    public init(writtenAt: Timestamp, migrations: [Int], tables: [TransferTable]) {
        self.writtenAt = writtenAt
        self.migrations = migrations
        self.tables = tables
    }
}

/// Some rows of one table.
public struct TransferBatch: Hashable, Sendable {
    public var table: TransferTable
    public var rows: [[TransferCell]]

    public init(table: TransferTable, rows: [[TransferCell]]) {
        self.table = table
        self.rows = rows
    }
}

/// What was exported, known to be whole, to be read once from front to back.
public protocol TransferSource: Sendable {
    var header: TransferHeader { get }
    /// Tells one export from another.
    var digest: [UInt8] { get }
    /// The next rows; `nil` at the end.
    func next() async throws(TransferError) -> TransferBatch?
}

/// Why a store was not exported or imported; a sentence that says what to do, without anything of what is stored.
public enum TransferError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Something stands in the way that whoever asked can put right.
    case refused(String)
    case failed(String)
    case store(StoreError)

    public var description: String {
        switch self {
        case .refused(let sentence), .failed(let sentence): sentence
        case .store(let error): "\(error)"
        }
    }
}
