import AdapterKit
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Synchronization
import Testing

@testable import GatewayAPI

/// Which statuses each operation answered with.
final class SeenAnswers: Sendable {
    private let statuses = Mutex<[Operation: Set<Int>]>([:])

    func add(_ status: Int, of operation: Operation) { statuses.withLock { _ = $0[operation, default: []].insert(status) } }
    subscript(operation: Operation) -> Set<Int> { statuses.withLock { $0[operation] ?? [] } }
}

/// Makes calls to the routes.
struct Client: Sendable {
    struct Answer {
        var status: Int
        var headers: HTTPFields
        var json: JSONValue
        var text: String

        var code: String? { json["code"]?.stringValue }
        /// The paths of the faults.
        var faults: Set<String> { Set((json["details"]?.arrayValue ?? []).compactMap { $0["path"]?.stringValue }) }
    }

    let client: any TestClientProtocol
    let seen: SeenAnswers

    /// The status of a call that is not held against the document.
    func status(_ method: Method, _ path: String, as token: String, _ body: JSONValue?) async throws -> Int {
        let headers: HTTPFields = [.authorization: "Bearer \(token)", .contentType: "application/json"]
        return try await client.execute(uri: path, method: method, headers: headers, body: body.map { ByteBuffer(bytes: $0.bytes) }) {
            $0.status.code
        }
    }

    /// Status and body of a call that is not held against the document.
    func raw(_ path: String, as token: String) async throws -> (status: Int, text: String) {
        try await client.execute(uri: path, method: .get, headers: [.authorization: "Bearer \(token)"]) {
            ($0.status.code, String(buffer: $0.body))
        }
    }

    func call(
        _ method: Method, _ uri: String, as token: String? = nil, _ body: JSONValue? = nil, headers: HTTPFields = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        try await call(method, uri, as: token, bytes: body?.bytes, headers: headers, sourceLocation: sourceLocation)
    }

    func call(
        _ method: Method, _ uri: String, as token: String? = nil, bytes: [UInt8]?, headers: HTTPFields = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        if bytes != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        let answer = try await client.execute(uri: uri, method: method, headers: headers, body: bytes.map { ByteBuffer(bytes: $0) }) {
            response in
            let body = Array(response.body.readableBytesView)
            return Answer(
                status: response.status.code, headers: response.headers, json: (try? JSONValue(parsing: body)) ?? .null,
                text: String(decoding: body, as: UTF8.self))
        }
        let path = uri.split(separator: "?").first ?? ""
        if let operation = Operation.allCases.first(where: { $0.row.method == method && $0.matches(path) }) {
            seen.add(answer.status, of: operation)
        }
        for fault in APIDocument.shared.faults(of: answer, to: method, path, sent: bytes) {
            Issue.record("\(fault)", sourceLocation: sourceLocation)
        }
        return answer
    }
}
