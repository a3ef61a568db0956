import AdapterKit

/// A reply as a test sees it.
struct SeenReply {
    var status: Int
    var headers: [String: String]
    var body: [UInt8]

    var json: JSONValue? { try? JSONValue(parsing: body) }
    var errorCode: Int64? { json?["error"]?["code"]?.intValue }
}

extension WireClient {
    /// One request on this connection, and its reply.
    func exchange(_ method: String, _ target: String, headers: [HTTPHeader] = [], body: [UInt8] = []) async throws -> SeenReply {
        try await send(method, target, headers: headers, body: body)
        return try await seenReply()
    }

    func send(_ method: String, _ target: String, headers: [HTTPHeader] = [], body: [UInt8] = []) async throws {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n"
        for header in headers { head += "\(header.name): \(header.value)\r\n" }
        try await send(Array((head + "\r\n").utf8) + body)
    }

    func seenReply() async throws -> SeenReply {
        let status = try await line().split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var headers: [String: String] = [:]
        while true {
            let line = try await line()
            if line.isEmpty { break }
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            headers[line[..<colon].lowercased()] = line[colon...].dropFirst().trimmingPrefix(" ").description
        }
        return SeenReply(status: status, headers: headers, body: try await bytes(headers["content-length"].flatMap { Int($0) } ?? 0))
    }
}
