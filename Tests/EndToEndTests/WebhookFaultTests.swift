import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

/// Receivers of webhooks that fail in every way, and what the API says of it.
@Suite(.serialized)
struct WebhookFaultTests {
    private static let quick = ", timeout: 10s, retry: { initial: 50ms, jitter: 0, maxAttempts: 3 }, quietTime: 50ms"

    @Test func everyReceiverGetsWhatItDeserves() async throws {
        try await Gateway.with(webhook: Self.quick) { gateway in
            let url = gateway.providers.webhookURL
            let nobody = try DeafListener(.refused)
            // Target, standing, each attempt, how often it was called, whether a second copy is possible.
            let rows: [(to: String, standing: String, attempt: String, calls: Int)] = [
                (url + "/hook", "succeeded after 1", "accepted", 1),
                (url + "/partial", "succeeded after 1", "accepted", 1),
                (url + "/status/204", "succeeded after 1", "accepted", 1),
                // Case 53.
                (url + "/status/400", "failed rejected content_rejected [HTTP 400] after 1", "rejected content_rejected", 1),
                (url + "/status/401", "failed rejected recipient_invalid [HTTP 401] after 1", "rejected recipient_invalid", 1),
                (url + "/status/404", "failed rejected recipient_invalid [HTTP 404] after 1", "rejected recipient_invalid", 1),
                (url + "/status/410", "failed rejected recipient_invalid [HTTP 410] after 1", "rejected recipient_invalid", 1),
                (url + "/redirect", "failed rejected policy [HTTP 302] after 1", "rejected policy", 1),
                (url + "/status/408", "failed attempts_exhausted timeout [HTTP 408] after 3", "deferred timeout", 3),
                (
                    url + "/status/500", "failed attempts_exhausted provider_unavailable [HTTP 500] after 3",
                    "deferred provider_unavailable", 3
                ),
                (
                    url + "/status/503", "failed attempts_exhausted provider_unavailable [HTTP 503] after 3",
                    "deferred provider_unavailable", 3
                ),
                (url + "/close", "failed attempts_exhausted answer_lost after 3", "answer_lost answer_lost", 3),
                (url + "/reset", "failed attempts_exhausted answer_lost after 3", "answer_lost answer_lost", 3),
                (url + "/garbage", "failed attempts_exhausted answer_lost after 3", "answer_lost answer_lost", 3),
                ("http://127.0.0.1:\(nobody.port)/", "failed attempts_exhausted connection after 3", "deferred connection", 0),
                // A server that speaks no TLS.
                (
                    url.replacing("http:", with: "https:") + "/hook", "failed attempts_exhausted connection after 3", "deferred connection",
                    0
                ),
            ]
            var ids: [String] = []
            for row in rows { ids.append(try await gateway.deliver("webhook", to: row.to)) }
            for (row, id) in zip(rows, ids) {
                let delivery = try await gateway.daemon.delivery(id) { ["succeeded", "failed"].contains($0.text("status")) }
                #expect(delivery.standing == row.standing, "\(row.to)")
                #expect(Set(delivery.attempts) == [row.attempt], "\(row.to)")
                #expect(
                    delivery.attempts.count == max(row.calls, delivery["attemptCount"].flatMap { $0.intValue.map(Int.init) } ?? 0),
                    "\(row.to)")
                #expect(gateway.arrivals(of: id) == row.calls, "\(row.to)")
                #expect(delivery.isPossibleDuplicate == row.attempt.hasPrefix("answer_lost"), "\(row.to)")
            }
            #expect(gateway.providers.webhook.received().allSatisfy { $0.verified })
            // No redirect was followed.
            #expect(!gateway.providers.webhook.received().contains { $0.request.path == "/redirected" })
        }
    }

    /// Case 53: 429 with Retry-After.
    @Test(arguments: [429, 503]) func aRetryAfterIsHonouredAndNotCounted(status: Int) async throws {
        try await Gateway.with(webhook: Self.quick) { gateway in
            let busy = HTTPAnswer(status, headers: [HTTPHeader("Retry-After", "1")])
            gateway.providers.webhook.setScript([WebhookRule(path: "/busy", nth: 1...4, .answer(busy))])
            let id = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/busy")
            let delivery = try await gateway.delivery(id, until: "succeeded")
            let errorClass = status == 429 ? "throttled" : "provider_unavailable"
            // More of them than there are tries: none was counted.
            #expect(delivery.attempts == Array(repeating: "throttled \(errorClass) uncounted", count: 4) + ["accepted"])
            #expect(delivery["attemptCount"]?.intValue == 1)
            #expect(delivery.pausesBetweenAttempts.count == 4)
            for pause in delivery.pausesBetweenAttempts { #expect(pause >= .seconds(1)) }
        }
    }

    /// Case 59: the receiver took it, and its answer came too late.
    @Test func aReceiverThatAnswersTooLateIsCalledAgainUnderTheSameID() async throws {
        try await Gateway.with(webhook: ", timeout: 1s, retry: { initial: 50ms, jitter: 0, maxAttempts: 50 }, quietTime: 50ms") { gateway in
            gateway.providers.webhook.setScript([WebhookRule(path: "/late", nth: 1...1, .held(.answer(HTTPAnswer(200))))])
            let id = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/late")
            let delivery = try await gateway.delivery(id, until: "succeeded")
            // A busy machine may need more than two.
            #expect(delivery.attempts.count >= 2)
            #expect(delivery.attempts.first == "answer_lost answer_lost")
            #expect(delivery.attempts.last == "accepted")
            #expect(delivery.isPossibleDuplicate)
            #expect(gateway.arrivals(of: id) >= 2)
        }
    }

    @Test func aReceiverThatNeverAnswersIsGivenUp() async throws {
        try await Gateway.with(webhook: ", timeout: 3s, retry: { initial: 50ms, jitter: 0, maxAttempts: 2 }, quietTime: 50ms") { gateway in
            let id = try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/hang")
            let delivery = try await gateway.delivery(id, until: "failed")
            #expect(delivery.standing == "failed attempts_exhausted answer_lost after 2")
            #expect(delivery.attempts == ["answer_lost answer_lost", "answer_lost answer_lost"])
            #expect(gateway.arrivals(of: id) == 2)
        }
    }

    @Test(arguments: ["http://169.254.169.254/latest", "https://10.0.0.1/", "https://[::1]/", "https://192.168.1.1:8443/x"])
    func theInsideNetworkIsRefusedWhenItIsNamed(target: String) async throws {
        try await Gateway.with { gateway in
            let body: JSONValue = ["channel": "webhook", "to": .string(target), "content": Gateway.content(of: "webhook")]
            let reply = try await gateway.daemon.call("POST", "/api/v1/messages", body)
            #expect(reply.status == 400)
            #expect(reply.json.text("code") == "invalid_request")
        }
    }
}
