import CLibPQ

/// A session with the server, through libpq and in pipeline mode. Made, used and ended on one thread.
final class PostgresConnection {
    enum Flush {
        case done
        /// The network takes no more at present.
        case pending
        case broken
    }

    private let handle: OpaquePointer
    /// Whether the server has said, while nothing was asked, that it ends the session.
    private(set) var isDoomed = false

    /// Connects, which takes as long as it takes: each host has `connect_timeout`.
    static func connect(_ parameters: [String: String]) -> Result<PostgresConnection, PostgresError> {
        let handle = withCStrings(parameters.map(\.key)) { keywords in
            withCStrings(parameters.map(\.value)) { values in PQconnectdbParams(keywords, values, 0) }
        }
        guard let handle else { return .failure(PostgresError(.unavailable)) }
        let connection = PostgresConnection(handle)
        guard PQstatus(handle) == CONNECTION_OK, PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            return .failure(PostgresError(.unavailable, detail: connection.message))
        }
        connection.hearNotices()
        return .success(connection)
    }

    private init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQfinish(handle) }

    var socket: Int32 { PQsocket(handle) }

    /// Whether the session is outside any transaction, with nothing under way.
    var isIdle: Bool { PQtransactionStatus(handle) == PQTRANS_IDLE }

    /// What another thread needs to cancel the statement that runs.
    func canceller() -> PostgresCancelRequest? { PQgetCancel(handle).map { PostgresCancelRequest($0) } }

    /// libpq's own words for what went wrong last, in one line.
    private var message: String? {
        PQerrorMessage(handle).map { String(cString: $0).split(whereSeparator: \.isNewline).joined(separator: "; ") }
    }

    /// A notice goes nowhere, since it may hold values; only one with which the server ends the session is heard.
    private func hearNotices() {
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = PQsetNoticeReceiver(
            handle,
            { context, notice in
                guard let context, let notice, gateway_result_is_fatal(notice) != 0 else { return }
                Unmanaged<PostgresConnection>.fromOpaque(context).takeUnretainedValue().isDoomed = true
            }, me)
    }
}

// MARK: - Sending

extension PostgresConnection {
    /// Each of these is `false` when the connection is broken.
    func prepare(_ name: String, _ sql: SQL, _ parameters: PostgresParameters) -> Bool {
        PQsendPrepare(handle, name, sql.text, Int32(parameters.types.count), parameters.types) == 1
    }

    func execute(_ name: String, _ parameters: PostgresParameters) -> Bool {
        parameters.withArrays { count, values, lengths, formats in
            PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
        } == 1
    }

    func execute(_ sql: SQL, _ parameters: PostgresParameters) -> Bool {
        parameters.withArrays { count, values, lengths, formats in
            PQsendQueryParams(handle, sql.text, count, parameters.types, values, lengths, formats, 1)
        } == 1
    }

    func sync() -> Bool { PQpipelineSync(handle) == 1 }

    /// Sends a text of many statements, outside of pipeline mode. Nothing may be under way.
    func script(_ text: String) -> Bool { PQexitPipelineMode(handle) == 1 && PQsendQuery(handle, text) == 1 }
    func endScript() -> Bool { PQenterPipelineMode(handle) == 1 }

    func flush() -> Flush {
        switch PQflush(handle) {
        case 0: .done
        case 1: .pending
        default: .broken
        }
    }
}

// MARK: - Receiving

extension PostgresConnection {
    /// Reads what the socket has; `false` when the connection is broken.
    func receive() -> Bool {
        // TLS may keep a part of what it has read to itself, of which the socket then shows nothing.
        let times = PQsslInUse(handle) == 0 ? 1 : 3
        return (0..<times).allSatisfy { _ in PQconsumeInput(handle) == 1 }
    }

    /// Whether asking for the next result would wait.
    var isBusy: Bool { PQisBusy(handle) != 0 }

    /// The next result, or `nil` between two statements.
    func next() -> PostgresResult? { PQgetResult(handle).map { PostgresResult($0) } }

    /// The next notification that came.
    func notification() -> PostgresNotification? {
        guard let found = PQnotifies(handle) else { return nil }
        defer { PQfreemem(found) }
        return PostgresNotification(channel: String(cString: found.pointee.relname), payload: String(cString: found.pointee.extra))
    }
}

/// Lends texts as C's array of texts, with a null pointer at its end.
private func withCStrings<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result) -> Result {
    var copies: [UnsafePointer<CChar>?] = texts.map { text in
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
        _ = copy.initialize(from: text.utf8CString)
        return UnsafePointer(copy.baseAddress)
    }
    copies.append(nil)
    defer { for copy in copies { copy?.deallocate() } }
    return copies.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("an array of one element has no address") }
        return body(base)
    }
}
