import HTTPTypes
import Testing
import Yams

@testable import GatewayAPI

/// The document and the table of calls say the same.
@Suite struct DocumentTests {
    private struct Entry: Hashable {
        var method: String
        var path: String
        var id: String
        var roles: [String]
    }

    @Test func documentListsExactlyTheOperationsAndTheirRoles() throws {
        let text = String(decoding: OpenAPIDocument.bytes, as: UTF8.self)
        let document = try #require(try Yams.load(yaml: text) as? [String: Any])
        #expect(document["openapi"] as? String == "3.1.0")
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        var written: Set<Entry> = []
        for (path, operations) in paths {
            for (method, value) in operations where method != "parameters" {
                let operation = try #require(value as? [String: Any])
                written.insert(
                    Entry(
                        method: method, path: path, id: try #require(operation["operationId"] as? String),
                        roles: try #require(operation["x-role"] as? [String])))
            }
        }
        let registered = Set(
            Operation.allCases.map { Entry(method: $0.row.method.rawValue.lowercased(), path: $0.row.path, id: $0.rawValue, roles: $0.row.access.words) })
        #expect(written.subtracting(registered) == [])
        #expect(registered.subtracting(written) == [])
        #expect(registered.count == Operation.allCases.count)
    }

    @Test func documentListsTheErrorCodes() throws {
        let document = try #require(try Yams.load(yaml: String(decoding: OpenAPIDocument.bytes, as: UTF8.self)) as? [String: Any])
        let components = try #require(document["components"] as? [String: Any])
        let schemas = try #require(components["schemas"] as? [String: [String: Any]])
        let properties = try #require(schemas["Error"]?["properties"] as? [String: [String: Any]])
        #expect(Set(try #require(properties["code"]?["enum"] as? [String])) == Set(ErrorCode.allCases.map(\.rawValue)))
    }
}
