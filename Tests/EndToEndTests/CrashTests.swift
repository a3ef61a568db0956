import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// The daemon is killed at random moments while messages flow.
@Suite(.serialized)
struct CrashTests {
    @Test func nothingAcceptedIsLostAndEveryRepeatCanBeSeen() async throws {
        let quick = ", retry: { initial: 100ms, jitter: 0 }, quietTime: 100ms"
        try await Gateway.with(email: quick, webhook: quick) { gateway in
            var accepted: [String: String] = [:]
            var generator = SystemRandomNumberGenerator()
            for round in 0..<8 {
                // The kill comes after a random number of accepted messages, while earlier ones are being sent.
                let moment = Int.random(in: 1...60, using: &generator)
                for index in 0..<moment {
                    let channel = ["email", "webhook", "whatsapp"][index % 3]
                    let to = ["r\(round)i\(index)@klant.example", gateway.providers.webhookURL + "/r\(round)/i\(index)", "+3161\(1_000_000 + round * 1000 + index)"][index % 3]
                    let content: JSONValue = [
                        ["subject": "s", "text": "t"], ["type": "t", "data": [:]], ["text": "t"],
                    ][index % 3]
                    for id in try await gateway.message(channel, to: to, content, key: "r\(round)-\(index)").deliveryIDs { accepted[id] = channel }
                }
                await gateway.daemon.killHard()
                try await gateway.daemon.start()
            }
            let expected = accepted
            let ended = try await gateway.daemon.deliveries { all in
                all.count == expected.count && all.allSatisfy { ["succeeded", "unknown"].contains($0.text("status")) }
            }
            #expect(Set(ended.map { $0.text("id") }) == Set(expected.keys))
            #expect(ended.filter { $0.text("status") == "unknown" }.allSatisfy { $0.text("channel") == "whatsapp" })

            let flagged = Set(ended.filter { $0["flags"]?.arrayValue?.contains("possibleDuplicate") == true }.map { $0.text("id") })
            let mailsPerID = Dictionary(grouping: gateway.providers.smtp.received(), by: { $0.messageID ?? "" })
            for (messageID, mails) in mailsPerID where mails.count > 1 { #expect(flagged.contains { messageID.contains($0) }) }
            let callsPerID = Dictionary(grouping: gateway.providers.webhook.received(), by: { $0.request.header("webhook-id") ?? "" })
            for (id, calls) in callsPerID where calls.count > 1 { #expect(flagged.contains(id)) }
            for (id, channel) in expected where channel == "email" { #expect(mailsPerID.keys.contains { $0.contains(id) }) }
            for (id, channel) in expected where channel == "webhook" { #expect(callsPerID[id] != nil) }
            let health = try await gateway.daemon.call("GET", "/api/v1/outbox/health")
            #expect(health.json["unaccounted"]?.intValue == 0)
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
                            guard let answer = try? await daemon.call("POST", "/api/v1/quotes/\(id)/send", event), answer.status == 202 else { return nil }
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
            #expect(Set(events.map { $0.text("quoteId") }) == Set(deliveries.keys), "no message without its event, no event without its messages")
            for event in events {
                let ids = (event["decisions"]?.arrayValue ?? []).flatMap { $0["deliveryIds"]?.arrayValue ?? [] }.compactMap(\.stringValue)
                #expect(ids.count == 2 && Set(ids) == Set((deliveries[event.text("quoteId")] ?? []).map { $0.text("id") }))
            }
            #expect(Set(answered.values).isSubset(of: events.map { $0.text("id") }), "what was answered is there")
            // Told again, each is there once.
            for (id, eventID) in answered.prefix(20) {
                let again = try await gateway.daemon.call("POST", "/api/v1/quotes/\(id)/send", Gateway.sentQuote.merging(["eventId": .string(id)]))
                #expect(again.status == 200 && again.json.text("eventId") == eventID)
            }
        }
    }
}
