import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// The daemon is killed while messages flow.
@Suite(.serialized)
struct CrashTests {
    /// A short lease, so that what a killed daemon held is free again soon.
    private static let more = "dispatch: { lease: 3s }"
    private static let quick = ", retry: { initial: 50ms, jitter: 0 }, quietTime: 50ms"

    /// One message of a round, and what the API said of it.
    private struct Intake: Sendable {
        var key: String
        var channel: String
        var to: String
    }

    /// What may decide the moment of a kill.
    private enum Moment: CaseIterable {
        /// So many messages are in.
        case intake
        /// A provider has got so many.
        case arrival
        /// Any.
        case chance
    }

    @Test func nothingAcceptedIsLostAndEveryRepeatCanBeSeen() async throws {
        try await Gateway.with(email: Self.quick, whatsapp: Self.quick, webhook: Self.quick, more: Self.more) { gateway in
            // Providers take their time over some, so that a kill finds tries under way in every phase.
            gateway.providers.smtp.setScript([
                SMTPRule(at: .finalDot, recipient: .localPartContains("7"), .delay(.milliseconds(60))),
                SMTPRule(at: .body, recipient: .localPartContains("3"), .delay(.milliseconds(40))),
                SMTPRule(at: .rcpt, recipient: .localPartContains("5"), .delay(.milliseconds(20))),
            ])
            gateway.providers.whatsapp.setScript([WhatsAppRule(.delay(.milliseconds(40)))])
            gateway.providers.webhook.setScript([WebhookRule(path: "/7", .after(.milliseconds(60), .answer(HTTPAnswer(200))))])

            var accepted: [String: Intake] = [:]
            for round in 0..<12 {
                let intakes = (0..<60).map { index in
                    let channel = ["email", "webhook", "whatsapp"][index % 3]
                    let to = [
                        "r\(round)i\(index)@klant.example", "\(gateway.providers.webhookURL)/\(index % 10)/r\(round)",
                        "+3161\(1_000_000 + round * 1000 + index)",
                    ][index % 3]
                    return Intake(key: "r\(round)-\(index)", channel: channel, to: to)
                }
                accepted.merge(try await killed(gateway, during: intakes)) { first, _ in first }
                try await gateway.daemon.start()
                // A caller whose call was cut off makes it again under the same key.
                for intake in intakes {
                    let id = try await gateway.deliver(intake.channel, to: intake.to, key: intake.key)
                    #expect(accepted[id]?.key ?? intake.key == intake.key)
                    accepted[id] = intake
                }
                #expect(try await gateway.daemon.call("GET", "/api/v1/outbox/health").json["unaccounted"]?.intValue == 0)
            }
            try await check(gateway, accepted)
        }
    }

    /// Takes messages in, many at once, and kills the daemon in the middle of it; answers what was accepted until then.
    private func killed(_ gateway: Gateway, during intakes: [Intake]) async throws -> [String: Intake] {
        let providers = gateway.providers
        let (counts, count) = AsyncStream.makeStream(of: Void.self)
        return await withTaskGroup(of: (String, Intake)?.self) { group in
            for intake in intakes {
                group.addTask {
                    guard let id = try? await gateway.deliver(intake.channel, to: intake.to, key: intake.key) else { return nil }
                    count.yield()
                    return (id, intake)
                }
            }
            group.addTask {
                switch Moment.allCases.randomElement() ?? .chance {
                case .intake:
                    var left = Int.random(in: 1...intakes.count / 2)
                    for await _ in counts {
                        left -= 1
                        if left == 0 { break }
                    }
                case .arrival:
                    let more = Int.random(in: 1...6)
                    switch Int.random(in: 0..<3) {
                    case 0: try? await providers.smtp.waitForCount(providers.smtp.count + more, timeout: .seconds(5))
                    case 1: try? await providers.webhook.waitForCount(providers.webhook.count + more, timeout: .seconds(5))
                    default: try? await providers.whatsapp.waitForCount(providers.whatsapp.count + more, timeout: .seconds(5))
                    }
                case .chance: try? await Task.sleep(for: .microseconds(Int.random(in: 0...200_000)))
                }
                await gateway.daemon.killHard()
                return nil
            }
            return await group.reduce(into: [:]) { taken, one in if let one { taken[one.0] = one.1 } }
        }
    }

    private func check(_ gateway: Gateway, _ accepted: [String: Intake]) async throws {
        let ended = try await gateway.daemon.deliveries { all in
            all.count == accepted.count && all.allSatisfy { ["succeeded", "unknown"].contains($0.text("status")) }
        }
        // One delivery for each key, and no other.
        #expect(Set(ended.map { $0.text("id") }) == Set(accepted.keys))
        #expect(Set(accepted.values.map(\.key)).count == accepted.count)
        var repeats = 0
        for delivery in ended {
            let id = delivery.text("id")
            let arrivals = gateway.arrivals(of: id)
            switch (delivery.text("channel"), delivery.text("status")) {
            case ("whatsapp", "unknown"): #expect(arrivals <= 1)
            case ("whatsapp", _): #expect(arrivals == 1)
            case (_, "unknown"): Issue.record("\(delivery.text("channel")) sends again and is never unknown")
            default:
                #expect(arrivals >= 1, "\(delivery.text("channel")) was lost")
                guard arrivals > 1 else { continue }
                repeats += 1
                #expect(delivery.isPossibleDuplicate)
                let attempts = try await gateway.daemon.delivery(id).attempts
                #expect(attempts.count { $0.hasPrefix("answer_lost") } >= arrivals - 1)
                #expect(attempts.last == "accepted")
            }
        }
        // The kills found tries under way, or all of this would prove nothing.
        #expect(ended.contains { $0.isPossibleDuplicate || $0.text("status") == "unknown" })
        #expect(repeats <= ended.count { $0.isPossibleDuplicate })
        let mails = Dictionary(grouping: gateway.providers.smtp.received(), by: { $0.messageID ?? "" })
        for copies in mails.values { #expect(Set(copies.map(\.data)).count == 1) }
        let calls = Dictionary(grouping: gateway.providers.webhook.received(), by: { $0.request.header("webhook-id") ?? "" })
        for copies in calls.values { #expect(Set(copies.map(\.request.body)).count == 1) }
        let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
        #expect(health.json["unaccounted"]?.intValue == 0)
        #expect(health.json["states"]?["processing"]?.intValue == 0)
    }

    /// Killed between the provider's receiving a message and its answer: what each channel can bear.
    @Test func killedWhileProvidersHoldTheirAnswers() async throws {
        try await Gateway.with(email: Self.quick, webhook: Self.quick, more: Self.more) { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .finalDot, .hold)])
            gateway.providers.whatsapp.setScript([WhatsAppRule(.hold)])
            gateway.providers.webhook.setScript([WebhookRule(.held(.answer(HTTPAnswer(200))))])
            var ids: [String: [String]] = [:]
            for index in 0..<5 {
                ids["email", default: []].append(try await gateway.deliver("email", to: "m\(index)@klant.example"))
                ids["whatsapp", default: []].append(try await gateway.deliver("whatsapp", to: "+3161234567\(index)"))
                ids["webhook", default: []].append(try await gateway.deliver("webhook", to: gateway.providers.webhookURL + "/\(index)"))
            }
            try await gateway.providers.smtp.waitForCount(5, timeout: .seconds(30))
            try await gateway.providers.whatsapp.waitForCount(5, timeout: .seconds(30))
            try await gateway.providers.webhook.waitForCount(5, timeout: .seconds(30))
            await gateway.daemon.killHard()
            gateway.providers.smtp.release()
            gateway.providers.whatsapp.release()
            gateway.providers.webhook.release()
            try await gateway.daemon.start()
            for channel in ["email", "webhook"] {
                for id in ids[channel] ?? [] {
                    let delivery = try await gateway.delivery(id, until: "succeeded")
                    #expect(delivery.attempts == ["answer_lost answer_lost uncounted", "accepted"], "\(channel)")
                    #expect(delivery.isPossibleDuplicate)
                    #expect(gateway.arrivals(of: id) == 2)
                }
            }
            for id in ids["whatsapp"] ?? [] {
                let delivery = try await gateway.delivery(id, until: "unknown")
                #expect(delivery.standing == "unknown answer_lost answer_lost after 1")
                #expect(gateway.arrivals(of: id) == 1)
            }
            // The lane goes on with others.
            let next = try await gateway.deliver("whatsapp", to: "+31687654321")
            #expect(try await gateway.delivery(next, until: "succeeded").attempts == ["accepted"])
            #expect(gateway.providers.whatsapp.count == 6)
        }
    }

    /// Killed in the middle of a mail: nothing had arrived, and the mail goes out once.
    @Test func killedInTheMiddleOfAMessage() async throws {
        try await Gateway.with(email: Self.quick, more: Self.more) { gateway in
            gateway.providers.smtp.setScript([SMTPRule(at: .body, .fault(.hang))])
            let id = try await gateway.deliver("email", to: "a@klant.example")
            _ = try await gateway.daemon.delivery(id) { $0.text("status") == "processing" }
            await gateway.daemon.killHard()
            gateway.providers.smtp.setScript([])
            try await gateway.daemon.start()
            let delivery = try await gateway.delivery(id, until: "succeeded")
            #expect(delivery.attempts.last == "accepted")
            #expect(gateway.arrivals(of: id) == 1)
        }
    }

    @Test("case 39: a kill at any moment around the answer leaves nothing of an event, or all of it") func case39() async throws {
        try await Gateway.with { gateway in
            var answered: [String: String] = [:]
            var generator = SystemRandomNumberGenerator()
            for round in 0..<10 {
                // Events come in all the time; the kill comes at any moment of one of them.
                let daemon = gateway.daemon
                let after = Int.random(in: 0...30, using: &generator)
                let told = try await withThrowingTaskGroup(of: (String, String)?.self) { group in
                    for index in 0..<40 {
                        let id = "r\(round)-\(index)"
                        group.addTask {
                            let event = Gateway.sentQuote.merging(["eventId": .string(id)])
                            guard let answer = try? await daemon.call("POST", "/api/v1/quotes/\(id)/send", event), answer.status == 202
                            else { return nil }
                            return (id, answer.json.text("eventId"))
                        }
                    }
                    var told: [String: String] = [:]
                    var isKilled = false
                    for try await one in group {
                        if let (id, eventID) = one { told[id] = eventID }
                        if !isKilled, told.count >= after {
                            isKilled = true
                            await daemon.killHard()
                        }
                    }
                    if !isKilled { await daemon.killHard() }
                    return told
                }
                answered.merge(told) { $1 }
                try await gateway.daemon.start()
            }
            var events: [JSONValue] = []
            var cursor: String?
            repeat {
                let page = try await gateway.daemon.call("GET", "/api/v1/events?limit=500\(cursor.map { "&cursor=\($0)" } ?? "")").json
                events += page["events"]?.arrayValue ?? []
                cursor = page["nextCursor"]?.stringValue
            } while cursor != nil
            let deliveries = Dictionary(grouping: try await gateway.daemon.deliveries(), by: { $0.text("quoteId") })
            #expect(
                Set(events.map { $0.text("quoteId") }) == Set(deliveries.keys),
                "no message without its event, no event without its messages")
            for event in events {
                let ids = (event["decisions"]?.arrayValue ?? []).flatMap { $0["deliveryIds"]?.arrayValue ?? [] }.compactMap(\.stringValue)
                #expect(ids.count == 2 && Set(ids) == Set((deliveries[event.text("quoteId")] ?? []).map { $0.text("id") }))
            }
            #expect(Set(answered.values).isSubset(of: events.map { $0.text("id") }), "what was answered is there")
            // Told again, each is there once.
            for (id, eventID) in answered.prefix(20) {
                let again = try await gateway.daemon.call(
                    "POST", "/api/v1/quotes/\(id)/send", Gateway.sentQuote.merging(["eventId": .string(id)]))
                #expect(again.status == 200 && again.json.text("eventId") == eventID)
            }
        }
    }
}
