import AdapterKit
import HTTPTypes
import Testing

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
        let document = APIDocument.shared.json
        #expect(document["openapi"] == "3.1.0")
        var written: Set<Entry> = []
        for (path, operations) in try #require(document["paths"]?.objectValue) {
            for (method, operation) in operations.objectValue ?? [:] where method != "parameters" {
                written.insert(
                    Entry(
                        method: method, path: path, id: try #require(operation["operationId"]?.stringValue),
                        roles: try #require(operation["x-role"]?.arrayValue).compactMap(\.stringValue)))
            }
        }
        let registered = Set(
            Operation.allCases.map {
                Entry(method: $0.row.method.rawValue.lowercased(), path: $0.row.path, id: $0.rawValue, roles: $0.row.access.words)
            })
        #expect(written.subtracting(registered) == [])
        #expect(registered.subtracting(written) == [])
        #expect(registered.count == Operation.allCases.count)
    }

    @Test func documentListsTheErrorCodes() throws {
        let codes = APIDocument.shared.json["components"]?["schemas"]?["Refusal"]?["properties"]?["code"]?["enum"]?.arrayValue
        #expect(Set(try #require(codes).compactMap(\.stringValue)) == Set(ErrorCode.allCases.map(\.rawValue)))
    }

    @Test func bodiesAreDocumentedWhereTheyAreRead() throws {
        for operation in Operation.allCases {
            let said = try #require(APIDocument.shared.operation(operation.row.method, operation.row.path))
            let types = Set(said["requestBody"]?["content"]?.objectValue?.keys ?? [:].keys)
            switch operation.row.body {
            case .none: #expect(types.isEmpty, "\(operation)")
            case .raw: #expect(types == ["*/*"], "\(operation)")
            case .json, .jsonWithFiles: #expect(types == ["application/json"], "\(operation)")
            }
        }
    }
}
