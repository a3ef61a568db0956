import AdapterKit
import ProviderSimulators
import Testing

@testable import CurlTransport

@Suite(.timeLimit(.minutes(2)))
struct RetryAfterTests {
    private static let now = Timestamp(year: 2026, month: 3, day: 1, hour: 9, minute: 30)

    @Test(
        arguments: [
            ("0", .zero), ("7", .seconds(7)), ("120", .seconds(120)), ("86400", .seconds(86_400)),
            ("999999999", RetryAfter.longest), ("99999999999999999999999", RetryAfter.longest),
            // The three forms of a date (RFC 9110, section 5.6.7).
            ("Sun, 01 Mar 2026 09:31:40 GMT", .seconds(100)), ("Sunday, 01-Mar-26 09:31:40 GMT", .seconds(100)),
            ("Sun Mar  1 09:31:40 2026", .seconds(100)),
            ("Sun, 01 Mar 2026 09:30:00 GMT", .zero), ("Sun, 06 Nov 1994 08:49:37 GMT", .zero),
            ("Fri, 31 Dec 2399 23:59:59 GMT", RetryAfter.longest),
            ("", nil), ("soon", nil), ("-5", nil), ("+5", nil), ("1.5", nil), ("5s", nil), ("10 seconds", nil), ("Monday", nil),
            ("5, 7", nil),
            ("1e3", nil), ("Sun, 99 Foo 2026 09:31:40 GMT", nil), (":", nil), ("25:61:61", nil),
        ] as [(String, Duration?)])
    func isReadAsALengthOfTime(_ value: String, _ wait: Duration?) {
        #expect(RetryAfter.wait(value, now: Self.now) == wait)
    }

    @Test(arguments: [429, 503, 200]) func comesWithTheReply(status: Int) async throws {
        let answer = HTTPAnswer(status, headers: [HTTPHeader("retry-after", " 42 "), HTTPHeader("Retry-After", "7")])
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.status == status)
            #expect(reply.retryAfter == .seconds(42))
        }
    }

    @Test func aDateThatHasPassedAsksForNoWait() async throws {
        let answer = HTTPAnswer(503, headers: [HTTPHeader("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")])
        try await WireBench.with([WebhookRule(.answer(answer))]) { bench in
            let reply = try await bench.reply(to: bench.request())
            #expect(reply.retryAfter == .zero)
        }
    }
}
