import AdapterContract
import AdapterKit
import Foundation
import Testing

@testable import WebhookAdapter

@Suite("Webhook responses")
struct ResponseTableTests {
    /// Each row of the written table, at both of its ends.
    @Test func areJudgedAsWritten() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "adapter-specs/webhook/spec.yaml").path
        let rows = try #require(try YAMLText.parse(String(contentsOfFile: path, encoding: .utf8))["errors"]?.arrayValue)
        #expect(rows.count > 10)
        for row in rows {
            let hint: Duration? = row["hint"] == true ? .seconds(9) : nil
            for status in row["status"]?.arrayValue?.compactMap(\.intValue) ?? [] {
                let outcome = ResponseTable.outcome(of: .reply(HTTPReply(status: Int(status), retryAfter: hint)))
                #expect(Self.words(outcome) == [row["outcome"], row["class"], row["of"]].map { $0?.stringValue }, "status \(status)")
            }
        }
    }

    @Test func aHintIsPassedOnWithAnyTemporaryStatus() {
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            let outcome = ResponseTable.outcome(of: .reply(HTTPReply(status: status, retryAfter: .seconds(9))))
            switch outcome {
            case .deferred(_, .seconds(9)?), .throttled(_, .seconds(9)?): break
            default: Issue.record("\(status): \(outcome)")
            }
        }
    }

    private static func words(_ outcome: DeliveryOutcome) -> [String?] {
        switch outcome {
        case .accepted: ["accepted", nil, nil]
        case .deferred(let failure, _): ["deferred", failure.errorClass.rawValue, nil]
        case .throttled(let failure, _): ["throttled", failure.errorClass.rawValue, nil]
        case .channelFault(let failure): ["channelFault", failure.errorClass.rawValue, nil]
        case .rejected(let failure, let part): ["rejected", failure.errorClass.rawValue, part.caseText]
        case .answerLost(let failure): ["answerLost", failure.errorClass.rawValue, nil]
        }
    }
}
