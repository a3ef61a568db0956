import GRDB
import GatewayModel
import Synchronization

/// Connections that only read, each on its own queue; a read sees one moment of the store.
final class SQLiteReaders: Sendable {
    private struct Reader: Sendable {
        let queue: DatabaseQueue
        let connection: SQLiteConnection
    }

    private let readers: [Reader]
    private let turn = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)

    init(_ readers: [(DatabaseQueue, SQLiteConnection)]) { self.readers = readers.map { Reader(queue: $0.0, connection: $0.1) } }

    /// How many statements were run.
    var statements: Int { readers.reduce(0) { $0 + $1.connection.executions } }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        guard !isClosed.load(ordering: .acquiring) else { throw .unavailable }
        let next = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        let reader = readers[Int(UInt(bitPattern: next) % UInt(readers.count))]
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            reader.queue.asyncWriteWithoutTransaction { _ in
                continuation.resume(returning: Result { () throws(StoreError) in try Self.inOneMoment(reader.connection, body) })
            }
        }
        return try result.get()
    }

    private static func inOneMoment<Value>(
        _ connection: SQLiteConnection, _ body: (SQLiteConnection) throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try connection.run("BEGIN")
        // Ending a read transaction cannot lose anything.
        defer { _ = try? connection.run("COMMIT") }
        return try body(connection)
    }

    func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        for reader in readers {
            await withCheckedContinuation { continuation in
                reader.queue.asyncWriteWithoutTransaction { _ in
                    reader.connection.finish()
                    continuation.resume()
                }
            }
            try? reader.queue.close()
        }
    }
}
