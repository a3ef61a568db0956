import AdapterContract
import AdapterKit
import Foundation
import Testing

@testable import WhatsAppAdapter

@Suite("Cloud API errors")
struct CloudErrorTableTests {
    private static let written: [JSONValue] = {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "adapter-specs/whatsapp/spec.yaml").path
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return (try? YAMLText.parse(text))?["errors"]?.arrayValue ?? []
    }()

    @Test func theWrittenTableIsTheOneInCode() {
        #expect(Self.written.map(\.text) == CloudErrorTable.rows.map { Self.json($0).text })
    }

    @Test func noCodeStandsTwice() {
        let codes = CloudErrorTable.rows.flatMap { $0.codes.flatMap(Array.init) }
        #expect(Set(codes).count == codes.count)
        #expect(codes.allSatisfy { CloudErrorTable.row(for: $0) != nil })
        #expect(CloudErrorTable.row(for: 299)?.errorClass == .authentication)
        #expect(CloudErrorTable.row(for: 300) == nil)
    }

    private static func json(_ row: CloudErrorTable.Row) -> JSONValue {
        let codes = row.codes.map { $0.count == 1 ? JSONValue.int(Int64($0.lowerBound)) : .string("\($0.lowerBound)-\($0.upperBound)") }
        var object: [String: JSONValue] = ["codes": .array(codes), "class": .string(row.errorClass.rawValue), "doc": .string(row.meaning)]
        switch row.verdict {
        case .channelFault: object["outcome"] = "channelFault"
        case .throttled: object["outcome"] = "throttled"
        case .throttledPair: (object["outcome"], object["wait"]) = ("throttled", "pair")
        case .deferred(let wait, let tries):
            object["outcome"] = "deferred"
            object["wait"] = wait.map { .string("\(Int($0.inSeconds))s") }
            object["tries"] = tries.map { .int(Int64($0)) }
        case .rejected(let part):
            object["outcome"] = "rejected"
            object["of"] = .string(part.caseText)
        }
        return .object(object)
    }
}
