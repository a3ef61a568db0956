import AdapterKit
import ArgumentParser
import CurlTransport

/// Calls a gateway's API from a command; a refusal is told and ends the command.
struct APIClient {
    private let base: String
    private let token: String?
    private let transport = CurlTransport(configuration: CurlConfiguration())

    init(base: String, token: String?) {
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
        self.token = token
    }

    func get(_ path: String) async throws -> JSONValue { try await call("GET", path, body: nil) }
    func post(_ path: String, _ body: JSONValue) async throws -> JSONValue { try await call("POST", path, body: body) }
    func put(_ path: String, _ body: JSONValue) async throws -> JSONValue { try await call("PUT", path, body: body) }
    func close() async { await transport.shutdown() }

    private func call(_ method: String, _ path: String, body: JSONValue?) async throws -> JSONValue {
        var headers = [HTTPHeader("Accept", "application/json")]
        if let token { headers.append(HTTPHeader("Authorization", "Bearer \(token)")) }
        if body != nil { headers.append(HTTPHeader("Content-Type", "application/json")) }
        let request = HTTPRequest(
            method: method, url: base + path, headers: headers, body: body?.bytes ?? [], maximumReplyBytes: 16 << 20,
            isIdempotent: method != "POST",
            network: .trusted)
        switch try await transport.send(request) {
        case .failure(let failure):
            printError("gatewayd: the gateway cannot be reached: \(failure.message)")
            throw ExitCode.failure
        case .reply(let reply):
            let answer = (try? JSONValue(parsing: reply.body)) ?? .null
            guard (200..<300).contains(reply.status) else {
                printError("gatewayd: \(answer["error"]?.stringValue ?? "the gateway answered \(reply.status)")")
                throw ExitCode.failure
            }
            return answer
        }
    }
}
