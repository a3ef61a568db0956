import AdapterKit
import Foundation
import PostgresTesting
import ProviderSimulators
import Synchronization
import Testing

/// Events go on being taken while PostgreSQL is away.
@Suite(.serialized)
struct SpoolTests {
    private enum Kind: String, CaseIterable {
        case enabled, disabled, absent, cleared, suppressed
        /// Whether its customer gets a mail at all.
        var isMailed: Bool { self == .enabled || self == .absent }
    }

    private struct Call: Sendable {
        var name: String
        var kind: Kind
        var status: Int
        var answer: JSONValue
    }

    /// The store is stopped in the middle of a stream of events of every kind, and comes back after their mails have gone out.
    @Test func theStoreStopsInTheMiddleOfAStream() async throws {
        try await SpoolBench.with { bench in
            let daemon = bench.daemon
            let tokens: [Kind: String] = [
                .disabled: try await bench.organization(2, isSeeded: true), .absent: try await bench.organization(3, isSeeded: false),
            ]
            try await disableAll(daemon, token: tokens[.disabled])
            _ = try await daemon.call("PUT", Gateway.engine + "/leads/lead-cleared", [:])
            #expect(
                try await daemon.call("PUT", Gateway.engine + "/leads/lead-cleared/override", ["overrideMode": "clear"]).status == 200)
            for number in 0..<40 {
                let entry: JSONValue = [
                    "channel": "email", "endpoint": .string(SpoolBench.address("suppressed\(number)")), "reason": "manual",
                ]
                #expect(try await daemon.call("POST", "/api/v1/suppressions", entry).status == 201)
            }
            let revoked = try await revokedKey(daemon)
            try await bench.restart()

            let done = Tally()
            let calls = try await withThrowingTaskGroup(of: [Call].self) { group in
                for lane in 0..<4 {
                    group.addTask {
                        var calls: [Call] = []
                        for number in stride(from: lane, to: 40, by: 4) {
                            for kind in Kind.allCases {
                                let name = "\(kind.rawValue)\(number)"
                                let reply = try await daemon.call(
                                    "POST", "/api/v1/quote-events", SpoolBench.event(name, lead: kind == .cleared ? "lead-cleared" : nil),
                                    token: tokens[kind])
                                calls.append(Call(name: name, kind: kind, status: reply.status, answer: reply.json))
                                done.add()
                            }
                        }
                        return calls
                    }
                }
                try await daemon.look("at the stream") { done.count >= 40 ? () : nil }
                await bench.server.stop(.immediate)
                return try await group.reduce(into: [Call]()) { $0 += $1 }
            }

            #expect(calls.count == 200 && calls.allSatisfy { $0.status == 202 }, "\(calls.filter { $0.status != 202 })")
            #expect(try await daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("revoked"), token: revoked).status == 401)
            let away = calls.filter { $0.answer.words.contains { $0.hasSuffix("enqueue_failed") || $0.hasSuffix("resolver_failed") } }
            let legacy = away.filter { $0.answer.words.contains("email lead legacy enqueue_failed") }
            #expect(legacy.count > 20 && legacy.allSatisfy(\.kind.isMailed))
            // A commit whose answer was lost leaves everything open.
            for call in away where !call.answer.words[0].hasPrefix("email lead deferred") {
                let expected = [
                    Kind.disabled: "suppressed rule_disabled", .cleared: "suppressed workflow_cleared",
                    .suppressed: "suppressed address_suppressed",
                ]
                #expect(call.answer.words[0] == "email lead " + (expected[call.kind] ?? "legacy enqueue_failed"))
            }

            let ready = try await daemon.call("GET", "/readyz")
            #expect(ready.status == 200 && ready.json.text("status") == "degraded" && ready.json.text("store") == "unavailable")
            #expect(ready.json["spool"]?.text("status") == "ok" && (ready.json["spool"]?["events"]?.intValue ?? 0) >= legacy.count)
            try await daemon.look("for the legacy mails") { legacy.allSatisfy { bench.mails($0.name) == 1 } ? () : nil }
            let again = try await daemon.call(
                "POST", "/api/v1/quote-events", SpoolBench.event(legacy[0].name), token: tokens[legacy[0].kind])
            #expect(again.status == 200 && again.json["decisions"] == legacy[0].answer["decisions"])
            let link = legacy[0].answer.text("publicToken")
            #expect(try await daemon.call("POST", "/api/v1/public/quotes/\(link)/accept", ["signatureName": "Jan"]).status == 503)

            try await bench.server.start()
            try await bench.spool("that all is joined") { $0["events"]?.intValue == 0 }
            for token in [nil, tokens[.disabled], tokens[.absent]] { try await everythingHasEnded(daemon, token: token) }
            for call in calls {
                #expect(bench.mails(call.name) == (call.kind.isMailed ? 1 : 0), "\(call.name)")
                let listed = try await daemon.call("GET", "/api/v1/events?quoteId=q-\(call.name)", token: tokens[call.kind])
                let event = try #require(listed.json["events"]?[0])
                #expect(event["decisions"]?.arrayValue?.isEmpty == false && !event.words.contains { $0.contains(" deferred ") })
                // What was decided meanwhile stands as it was told.
                #expect(
                    call.answer.words.allSatisfy { $0.contains(" deferred ") || event.words.contains($0) }, "\(call.name): \(event.words)")
            }
            // Who has a rule for it gets one message over the other channel, which has no legacy path; an absent or a cleared one none.
            let messaged = calls.count { $0.kind == .enabled || $0.kind == .suppressed }
            #expect(bench.gateway.providers.whatsapp.count == messaged && messaged == 80)
            for call in legacy {
                let found = try await daemon.call(
                    "GET", "/api/v1/deliveries?quoteId=q-\(call.name)&channel=email", token: tokens[call.kind])
                let delivery = try #require(found.json["deliveries"]?[0])
                #expect(
                    try await daemon.call("GET", "/api/v1/deliveries/\(delivery.text("id"))", token: tokens[call.kind]).json.attempts == [
                        "accepted"
                    ])
                #expect(delivery.text("origin") == "legacy" && delivery.text("status") == "succeeded" && !delivery.isPossibleDuplicate)
                #expect(bench.gateway.arrivals(of: delivery.text("id")) == 1)
            }
            let accepted = try await daemon.call("POST", "/api/v1/public/quotes/\(link)/accept", ["signatureName": "Jan"])
            #expect(accepted.status == 200 && accepted.json.text("status") == "Accepted")
            print("the store away amid 200 events: all 202, \(away.count) taken meanwhile, \(legacy.count) legacy mails, 0 lost, 0 double")
        }
    }

    private func disableAll(_ daemon: Daemon, token: String?) async throws {
        let path = Gateway.engine + "/workflows"
        let text = try await daemon.call("GET", path, token: token).json.text
        let disabled = try JSONValue(
            parsing: text.replacing("\"delayMinutes\":0,\"enabled\":true", with: "\"delayMinutes\":0,\"enabled\":false"))
        let reply = try await daemon.call("PUT", path, disabled, token: token)
        #expect(reply.status == 200)
        let steps = reply.json["workflows"]?.arrayValue?.flatMap { $0["steps"]?.arrayValue ?? [] } ?? []
        #expect(steps.contains { $0.text("trigger") == "quote_sent" })
        #expect(steps.allSatisfy { $0.text("trigger") != "quote_sent" || $0["enabled"] == false })
    }

    private func revokedKey(_ daemon: Daemon) async throws -> String {
        let config = ["--config", daemon.configURL.path]
        let token = try await Daemon.run(
            ["keys", "create"] + config + ["--organization", Daemon.organization, "--name", "gone", "--role", "quotes"])
        let list = try await Daemon.run(["keys", "list"] + config)
        let line = try #require(list.split(separator: "\n").first { $0.contains("gone") })
        let id = try #require(line.split(separator: " ").first { UUIDBits($0) != nil && $0 != Daemon.organization })
        _ = try await Daemon.run(["keys", "revoke"] + config + [String(id)])
        return token
    }

    private func everythingHasEnded(_ daemon: Daemon, token: String?) async throws {
        var last = JSONValue.null
        do {
            try await daemon.look("at the health") {
                last = try await daemon.call("GET", "/api/v1/outbox/health", token: token).json
                let open = ["pending", "scheduled", "processing"].compactMap { last["states"]?[$0]?.intValue }.reduce(0, +)
                return open == 0 && last["unaccounted"]?.intValue == 0 ? () : nil
            }
        } catch let failure as Daemon.Failure { throw Daemon.Failure(description: "\(failure): \(last.text)") }
    }

    /// Each node sends the mail once, as the same mail; the second one is counted and shown.
    @Test func theSameEventAtTwoNodesInOneOutage() async throws {
        try await SpoolBench.with { bench in
            try await bench.withSecond { second in
                await bench.server.stop(.fast)
                for node in [bench.daemon, second] {
                    let reply = try await node.call("POST", "/api/v1/quote-events", SpoolBench.event("both"))
                    #expect(reply.status == 202)
                    #expect(reply.json.words == ["email lead legacy enqueue_failed", "whatsapp lead deferred enqueue_failed"])
                }
                try await bench.daemon.look("for both mails") { bench.mails("both") == 2 ? () : nil }
                #expect(Set(bench.gateway.providers.smtp.received().map(\.messageID)).count == 1)
                try await bench.server.start()
                let first = try await bench.spool("at the first node") { $0["events"]?.intValue == 0 }
                let other = try await bench.spool(of: second, "at the second node") { $0["events"]?.intValue == 0 }
                let duplicates = [first, other].compactMap { $0["spool"]?["duplicates"]?.intValue }
                #expect(duplicates.sorted() == [0, 1])
                let deliveries = try await bench.daemon.deliveries("&quoteId=q-both") {
                    $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" }
                }
                let mail = try #require(deliveries.first { $0.text("channel") == "email" })
                #expect(mail.isPossibleDuplicate && mail["attemptCount"]?.intValue == 2)
                #expect(try await bench.daemon.delivery(mail.text("id")).attempts == ["accepted", "accepted"])
                #expect(bench.mails("both") == 2 && bench.gateway.providers.whatsapp.count == 1)
                let audit = try await bench.daemon.call("GET", "/api/v1/audit?limit=50").json["entries"]?.arrayValue ?? []
                let shown = audit.filter { $0.text("action") == "spool.duplicate" }
                #expect(shown.map { $0.text("subject") } == ["delivery:" + mail.text("id")])
            }
        }
    }

    /// Thank-you and agent mail go out like the proposal; a rejection has no legacy mail, and waits. All of it joins in its order.
    @Test func quotesAreAnsweredMeanwhile() async throws {
        try await SpoolBench.with { bench in
            let daemon = bench.daemon
            await bench.server.stop(.immediate)
            func publish(_ name: String, _ type: String, _ more: JSONValue = [:]) async throws -> JSONValue {
                let event = SpoolBench.event(name).merging(more).merging([
                    "type": .string("quotes.quote.\(type)"), "eventId": .string("evt-\(name)-\(type)"),
                    "agentEmail": .string(SpoolBench.address("agent-\(name)")),
                ])
                let reply = try await daemon.call("POST", "/api/v1/quote-events", event)
                #expect(reply.status == 202, "\(reply.json.text)")
                return reply.json
            }
            let links = try await [publish("yes", "sent"), publish("no", "sent")].map { $0.text("publicToken") }
            #expect(
                try await publish("yes", "accepted", ["signatureName": "Jan"]).words == [
                    "email lead legacy enqueue_failed", "whatsapp lead deferred enqueue_failed", "email partner legacy enqueue_failed",
                ])
            #expect(
                try await publish("no", "rejected", ["reason": "te duur"]).words == [
                    "email lead deferred enqueue_failed", "whatsapp lead deferred enqueue_failed",
                ])
            try await daemon.look("for the legacy mails") {
                bench.mails("yes") == 2 && bench.mails("agent-yes") == 1 && bench.mails("no") == 1 ? () : nil
            }
            try await bench.server.start()
            try await bench.spool("that all is joined") { $0["events"]?.intValue == 0 && $0["joined"]?.intValue == 4 }
            for (link, status) in zip(links, ["Accepted", "Rejected"]) {
                #expect(try await daemon.call("GET", "/api/v1/public/quotes/\(link)").json.text("status") == status)
            }
            for (name, count) in [("yes", 5), ("no", 4)] {
                let deliveries = try await daemon.deliveries("&quoteId=q-\(name)") {
                    $0.count == count && $0.allSatisfy { $0.text("status") == "succeeded" && !$0.isPossibleDuplicate }
                }
                for delivery in deliveries { #expect(bench.gateway.arrivals(of: delivery.text("id")) == 1) }
            }
            #expect(bench.mails("yes") == 2 && bench.mails("agent-yes") == 1 && bench.mails("no") == 2 && bench.mails("agent-no") == 0)
        }
    }

    /// By rules that are too old nothing is decided; all of it is once the store is back.
    @Test func aMirrorThatIsTooOld() async throws {
        try await SpoolBench.with(["GATEWAYD_QUOTES_SPOOL_MAX_MIRROR_AGE": "1s"]) { bench in
            await bench.server.stop(.fast)
            try await bench.spool("at the mirror's age") { ($0["mirrorAgeSeconds"]?.intValue ?? 0) > 1 }
            let reply = try await bench.daemon.call("POST", "/api/v1/quote-events", SpoolBench.event("old"))
            #expect(reply.status == 202)
            #expect(reply.json.words == ["email lead deferred resolver_failed", "whatsapp lead deferred resolver_failed"])
            try await bench.server.start()
            try await bench.spool("that it is joined") { $0["events"]?.intValue == 0 }
            let deliveries = try await bench.daemon.deliveries("&quoteId=q-old") {
                $0.count == 2 && $0.allSatisfy { $0.text("status") == "succeeded" && $0.text("origin") == "workflow" }
            }
            #expect(deliveries.count == 2 && bench.mails("old") == 1)
        }
    }
}

/// Counts what tasks have done.
private final class Tally: Sendable {
    private let done = Atomic<Int>(0)
    var count: Int { done.load(ordering: .relaxed) }
    func add() { done.add(1, ordering: .relaxed) }
}
