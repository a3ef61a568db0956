import AdapterKit
import HTTPTypes
import Yams

@testable import GatewayAPI

/// The API's document, to hold calls and answers against.
struct APIDocument: Sendable {
    static let shared = try! APIDocument()

    let json: JSONValue
    private let checker: SchemaChecker

    private init() throws {
        let text = String(decoding: OpenAPIDocument.bytes, as: UTF8.self)
        json = Self.json(try Yams.load(yaml: text))
        checker = SchemaChecker(document: json)
    }

    private static func json(_ value: Any?) -> JSONValue {
        switch value {
        case let value as [String: Any]: .object(value.mapValues { json($0) })
        case let value as [Any]: .array(value.map { json($0) })
        case let value as String: .string(value)
        case let value as Bool: .bool(value)
        case let value as Int: .int(Int64(value))
        case let value as Double: .double(value)
        default: .null
        }
    }

    /// What the document says of a call; nil for one that it does not have.
    func operation(_ method: Method, _ path: String) -> JSONValue? { json["paths"]?[path]?[method.rawValue.lowercased()] }

    /// The statuses that an operation is said to answer with.
    func statuses(of operation: Operation) -> Set<Int> {
        let responses = self.operation(operation.row.method, operation.row.path)?["responses"]?.objectValue ?? [:]
        return Set(responses.keys.compactMap { Int($0) })
    }

    // MARK: Holding against

    /// Where an answer, or the body of a call that was taken, is not what the document says.
    func faults(of answer: Client.Answer, to method: Method, _ path: Substring, sent bytes: [UInt8]?) -> [String] {
        let name = "\(method.rawValue) \(path) → \(answer.status)"
        guard let operation = Operation.allCases.first(where: { $0.row.method == method && $0.matches(path) }) else {
            return answer.status >= 400 ? faults(of: answer.json, checker.schema(named: "Error"), name) : []
        }
        guard let said = self.operation(method, operation.row.path) else { return ["\(name): the document lacks \(operation)"] }
        guard let response = said["responses"]?[String(answer.status)].map(checker.resolved) else {
            return ["\(name): the document does not have this status; the answer is \(answer.text.prefix(300))"]
        }
        var faults: [String] = []
        if (200..<300).contains(answer.status), let bytes, let schema = said["requestBody"]?["content"]?["application/json"]?["schema"],
            !bytes.isEmpty
        {
            let body = (try? JSONValue(parsing: bytes)) ?? .null
            faults += self.faults(of: body.asRead, schema, name + " took")
        }
        return faults + self.faults(of: answer, response, name)
    }

    private func faults(of answer: Client.Answer, _ response: JSONValue, _ name: String) -> [String] {
        guard let content = response["content"]?.objectValue else {
            return answer.text.isEmpty ? [] : ["\(name): there should be no body"]
        }
        let type = answer.headers[.contentType]?.split(separator: ";").first.map(String.init) ?? ""
        guard let schema = content[type]?["schema"] else { return ["\(name): the document has no \(type)"] }
        return type == "application/json" ? faults(of: answer.json, schema, name) : []
    }

    private func faults(of value: JSONValue, _ schema: JSONValue, _ name: String) -> [String] {
        checker.faults(of: value, schema).map { "\(name): \($0)" }
    }
}

extension Operation {
    /// Whether a path is one of this call.
    func matches(_ path: Substring) -> Bool {
        let pattern = row.path.split(separator: "/")
        let asked = path.split(separator: "/")
        // A word of its own goes before a capture, as in the router.
        let isTaken = Operation.allCases.contains { other in
            other != self && other.row.method == row.method && !other.row.path.contains("{")
                && other.row.path.split(separator: "/") == asked
        }
        return !isTaken && pattern.count == asked.count && zip(pattern, asked).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

extension JSONValue {
    /// The value as it is read: a member that is null or a blank text counts as left out.
    fileprivate var asRead: JSONValue {
        switch self {
        case .array(let elements): .array(elements.map(\.asRead))
        case .object(let members):
            .object(members.filter { !$0.value.isNull && $0.value.stringValue?.allSatisfy(\.isWhitespace) != true }.mapValues(\.asRead))
        default: self
        }
    }
}
