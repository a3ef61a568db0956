import AdapterKit
import Testing

@testable import WhatsAppAdapter

@Suite("Cloud API answers")
struct CloudAnswerTests {
    private func outcome(
        _ body: JSONValue, status: Int = 400, retryAfter: Duration? = nil, attempt: Int = 1, counted: Int? = nil
    ) -> DeliveryOutcome {
        CloudAnswer.outcome(
            of: .reply(HTTPReply(status: status, body: body.bytes, retryAfter: retryAfter)), attempt: attempt,
            countedAttempt: counted ?? attempt)
    }

    @Test func onlyTriesThatCountUseUpItsRetries() {
        func isDeferred(attempt: Int, counted: Int) -> Bool {
            if case .deferred = outcome(["error": ["code": 1]], attempt: attempt, counted: counted) { true } else { false }
        }
        #expect(isDeferred(attempt: 3, counted: 1) && isDeferred(attempt: 9, counted: 2))
        #expect(!isDeferred(attempt: 3, counted: 3))
    }

    @Test(arguments: [(1, 1), (2, 4), (3, 16), (4, 64), (7, 4096), (100, 4096), (0, 1)])
    func thePairRateWaitsEverLonger(_ attempt: Int, _ seconds: Int) {
        guard case .throttled(let failure, let wait) = outcome(["error": ["code": 131_056]], attempt: attempt) else {
            Issue.record("not throttled")
            return
        }
        #expect(wait == .seconds(seconds))
        #expect(failure.code == "131056")
    }

    @Test func theProvidersHintGoesBeforeOurs() {
        #expect(
            outcome(["error": ["code": 131_056]], retryAfter: .seconds(3), attempt: 5)
                == .throttled(
                    DeliveryFailure(.throttled, code: "131056", "too much to this recipient"), retryAfter: .seconds(3)))
    }

    @Test func theTraceIsKeptWhenItIsOne() {
        func message(_ trace: String) -> String? {
            guard
                case .rejected(let failure, _) = outcome([
                    "error": ["code": 100, "message": "to +31612345678", "fbtrace_id": .string(trace)]
                ])
            else { return nil }
            return failure.message
        }
        #expect(message("Az8or2yhqkZfEZ-_4Qn_Bam") == "a parameter is wrong (trace Az8or2yhqkZfEZ-_4Qn_Bam)")
        #expect(message("+31612345678") == "a parameter is wrong")
        #expect(message(String(repeating: "a", count: 65)) == "a parameter is wrong")
    }

    @Test func theStatusDecidesNothingAboutAKnownCode() {
        for status in [200, 400, 401, 500, 503] {
            guard case .rejected(_, .endpoint) = outcome(["error": ["code": 131_026]], status: status) else {
                Issue.record("status \(status)")
                continue
            }
        }
    }

    @Test func aHeldMessageIsAcceptedAndSaysSo() {
        #expect(
            outcome(["messages": [["id": "wamid.1", "message_status": "held_for_quality_assessment"]]], status: 200)
                == .accepted(Acceptance(providerMessageID: "wamid.1", code: "HTTP 200", summary: "held_for_quality_assessment")))
    }

    @Test func aTagIsReadBack() throws {
        let id = DeliveryID.make()
        #expect(CallbackTag(CallbackTag(deliveryID: id, attempt: 3).text) == CallbackTag(deliveryID: id, attempt: 3))
        for text in ["", id.description, "\(id).", "\(id).x", "\(id).0", "\(id).1.2", "x.1"] { #expect(CallbackTag(text) == nil) }
    }
}
