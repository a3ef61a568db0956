import AdapterKit
import ProviderSimulators
import Testing
import WireTestKit

/// A WhatsApp provider that fails in every way, and what the API says of it.
@Suite(.serialized)
struct WhatsAppFaultTests {
    private static let quick = ", retry: { initial: 50ms, jitter: 0 }"
    private static let number = "+31612345678"

    /// One thing that the provider does once.
    struct Stumble: Sendable {
        var name: String
        var action: WhatsAppRule.Action
        var standing: String
        var attempts: [String]
        var arrivals = 0
    }

    /// Stumbles that one gateway can see one after the other: few enough that no circuit opens over them.
    struct Stumbles: Sendable, CustomTestStringConvertible {
        var list: [Stumble]
        var testDescription: String { list.map(\.name).joined(separator: ", ") }
    }

    static let stumbles = [
        Stumbles(list: [
            // Whatever ends the exchange after the request went out: it may have been taken, and is never sent again.
            Stumble(
                name: "closes without an answer", action: .fault(.close), standing: "unknown answer_lost answer_lost after 1",
                attempts: ["answer_lost answer_lost"]),
            Stumble(
                name: "resets without an answer", action: .fault(.reset), standing: "unknown answer_lost answer_lost after 1",
                attempts: ["answer_lost answer_lost"]),
            Stumble(
                name: "answers with something else", action: .fault(.garbage), standing: "unknown answer_lost answer_lost after 1",
                attempts: ["answer_lost answer_lost"]),
            Stumble(
                name: "takes it and closes", action: .lostAnswer, standing: "unknown answer_lost answer_lost after 1",
                attempts: ["answer_lost answer_lost"], arrivals: 1),
            Stumble(
                name: "takes it and closes in mid-answer", action: .partialAnswer,
                standing: "unknown answer_lost answer_lost [HTTP 200] after 1", attempts: ["answer_lost answer_lost"], arrivals: 1),
            Stumble(
                name: "says yes without naming a message", action: .answer(HTTPAnswer(200, json: ["messages": []])),
                standing: "unknown answer_lost answer_lost [HTTP 200] after 1", attempts: ["answer_lost answer_lost"]),
        ]),
        Stumbles(list: [
            Stumble(
                name: "case 57: reports an error under status 200", action: .errorInSuccess(GraphError(131_026)),
                standing: "failed rejected recipient_invalid [131026] after 1", attempts: ["rejected recipient_invalid"]),
            // Case 53.
            Stumble(
                name: "refuses with 400", action: .error(GraphError(100)), standing: "failed rejected content_rejected [100] after 1",
                attempts: ["rejected content_rejected"]),
            Stumble(
                name: "wants a template outside its window", action: .error(GraphError(131_047)),
                standing: "failed outside_window policy [131047] after 1", attempts: ["rejected policy"]),
            Stumble(
                name: "finds its template paused", action: .error(GraphError(132_015)),
                standing: "failed template_invalid policy [132015] after 1", attempts: ["rejected policy"]),
            Stumble(
                name: "is overloaded", action: .error(GraphError(131_016)), standing: "succeeded provider_unavailable [131016] after 2",
                attempts: ["deferred provider_unavailable", "accepted"], arrivals: 1),
            Stumble(
                name: "is away behind a proxy", action: .answer(HTTPAnswer(502)),
                standing: "succeeded provider_unavailable [HTTP 502] after 2",
                attempts: ["deferred provider_unavailable", "accepted"], arrivals: 1),
            Stumble(
                name: "is called too fast", action: .error(GraphError(130_429)), standing: "succeeded throttled [130429] after 1",
                attempts: ["throttled throttled uncounted", "accepted"], arrivals: 1),
        ]),
    ]

    @Test(arguments: stumbles) func aProviderThatStumblesOnce(_ stumbles: Stumbles) async throws {
        try await Gateway.with(whatsapp: Self.quick) { gateway in
            for (index, stumble) in stumbles.list.enumerated() {
                gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...1, stumble.action)])
                let id = try await gateway.deliver("whatsapp", to: "+3161234560\(index)")
                let status = String(stumble.standing.prefix { $0 != " " })
                let delivery = try await gateway.delivery(id, until: status)
                #expect(delivery.standing == stumble.standing, "\(stumble.name)")
                #expect(delivery.attempts == stumble.attempts, "\(stumble.name)")
                // The lane goes on with the next one, and not with this one.
                let next = try await gateway.deliver("whatsapp", to: "+3168765432\(index)")
                #expect(try await gateway.delivery(next, until: "succeeded").attempts == ["accepted"], "\(stumble.name)")
                #expect(gateway.arrivals(of: id) == stumble.arrivals, "\(stumble.name)")
                #expect(!(try await gateway.daemon.delivery(id)).isPossibleDuplicate, "\(stumble.name)")
            }
        }
    }

    @Test func aProviderThatTakesItAndHangsIsNotAskedTwice() async throws {
        try await Gateway.with(whatsapp: Self.quick + ", attemptTimeout: 3s") { gateway in
            gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...1, .hold)])
            let id = try await gateway.deliver("whatsapp", to: Self.number)
            let delivery = try await gateway.delivery(id, until: "unknown")
            #expect(delivery.standing == "unknown answer_lost answer_lost after 1" && delivery.attempts == ["answer_lost answer_lost"])
            let next = try await gateway.deliver("whatsapp", to: "+31687654321")
            #expect(try await gateway.delivery(next, until: "succeeded").attempts == ["accepted"])
            #expect(gateway.arrivals(of: id) == 1)
        }
    }

    @Test func aProviderThatIsNotThereIsTriedFiveTimes() async throws {
        let nobody = try DeafListener(.refused)
        try await Gateway.with(whatsapp: Self.quick, whatsappURL: "http://127.0.0.1:\(nobody.port)/v23.0") { gateway in
            let id = try await gateway.deliver("whatsapp", to: Self.number)
            let delivery = try await gateway.delivery(id, until: "failed")
            #expect(delivery.standing == "failed attempts_exhausted connection after 5")
            #expect(delivery.attempts == Array(repeating: "deferred connection", count: 5))
        }
    }

    /// Case 53: 429 with Retry-After.
    @Test func aRetryAfterIsHonouredAndNotCounted() async throws {
        try await Gateway.with(whatsapp: Self.quick) { gateway in
            let busy = HTTPAnswer(429, headers: [HTTPHeader("Retry-After", "1")])
            gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...2, .answer(busy))])
            let id = try await gateway.deliver("whatsapp", to: Self.number)
            let delivery = try await gateway.delivery(id, until: "succeeded")
            #expect(delivery.attempts == ["throttled throttled uncounted", "throttled throttled uncounted", "accepted"])
            #expect(delivery["attemptCount"]?.intValue == 1)
            for pair in delivery.pausesBetweenAttempts { #expect(pair >= .seconds(1)) }
        }
    }

    /// Case 53: 401 of a WhatsApp account.
    @Test func aWrongTokenPausesTheAccountAndBurnsNothing() async throws {
        try await Gateway.with { gateway in
            gateway.providers.whatsapp.setScript([WhatsAppRule(nth: 1...1, .error(GraphError(190)))])
            var ids: [String] = []
            for number in 0..<5 { ids.append(try await gateway.deliver("whatsapp", to: "+3161234567\(number)")) }
            let all = try await gateway.daemon.deliveries("&channel=whatsapp") {
                $0.count == 5 && $0.allSatisfy { $0.text("status") == "succeeded" }
            }
            #expect(Set(all.map { $0.text("id") }) == Set(ids))
            #expect(all.allSatisfy { $0["attemptCount"]?.intValue == 1 })
            var faults = 0
            for id in ids {
                faults += try await gateway.daemon.delivery(id).attempts.count { $0 == "channel_fault authentication uncounted" }
            }
            #expect(faults == 1)
            #expect(gateway.providers.whatsapp.count == 5)
        }
    }
}

extension JSONValue {
    /// How long it took from the end of each attempt to the beginning of the next.
    var pausesBetweenAttempts: [Duration] {
        let attempts = self["attempts"]?.arrayValue ?? []
        return zip(attempts, attempts.dropFirst()).compactMap { before, after in
            guard let end = Timestamp(before.text("endedAt")), let start = Timestamp(after.text("startedAt")) else { return nil }
            return start - end
        }
    }
}
