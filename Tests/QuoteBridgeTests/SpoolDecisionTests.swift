import AdapterKit
import GatewayModel
import GatewayTestKit
import QuoteBridge
import Testing
import WorkflowEngine

/// The column "enqueue fails" of the decision table, and what stays as it is while the main store is away.
@Suite(.timeLimit(.minutes(2))) struct SpoolDecisionTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var trigger: String
        var channel: ChannelName
        var audience: Audience
        var enabled: String
        var noRule: String

        var testDescription: String { "\(trigger) · \(channel) · \(audience)" }
    }

    static let rows = DecisionMatrixTests.rows.map { row in
        let hasLegacyPath = DecisionTable.rows(of: row.trigger).contains {
            $0.channel == row.channel && $0.audience == row.audience && $0.hasLegacyPath
        }
        return Row(
            trigger: row.trigger, channel: row.channel, audience: row.audience,
            enabled: hasLegacyPath ? "legacy enqueue_failed" : "deferred enqueue_failed",
            noRule: hasLegacyPath ? "legacy enqueue_failed" : "none rule_not_found")
    }

    private static func words(_ answer: PublishAnswer, _ row: Row) -> String? {
        answer.decisions.first { $0.channel == row.channel && $0.audience == row.audience }
            .map { "\($0.outcome.rawValue) \($0.reason.rawValue)" }
    }

    @Test("enqueue fails", arguments: rows, [StoreError.unavailable, .full]) func enqueueFails(row: Row, error: StoreError) async throws {
        try await SpoolTrial.with { trial in
            let lead = try #require(LeadID("l-2"))
            let enabled = trial.bench.workflow("enabled", [step(row.trigger, row.channel, row.audience)])
            let disabled = trial.bench.workflow("disabled", [step(row.trigger, row.channel, row.audience, enabled: false)])
            try await trial.bench.set(
                [enabled, disabled],
                [trial.bench.rule(enabled, source: "on", priority: 1), trial.bench.rule(disabled, source: "off", priority: 2)])
            let cleared = LeadOverride(leadID: lead, mode: .clear, createdAt: trial.bench.clock.now, updatedAt: trial.bench.clock.now)
            try await trial.bench.store.setOverride(cleared, organizationID: trial.bench.organizationID, audit: nil)
            try await trial.goAway(.away(error))
            func decision(_ quote: String, _ more: JSONValue) async throws -> String? {
                Self.words(try await trial.publish(row.trigger, more.merging(["quoteId": .string(quote)])), row)
            }
            #expect(try await decision("q-on", ["leadSource": "on"]) == row.enabled)
            #expect(try await decision("q-off", ["leadSource": "off"]) == "suppressed rule_disabled")
            #expect(try await decision("q-none", ["leadSource": "other"]) == row.noRule)
            #expect(try await decision("q-cleared", ["leadId": "l-2", "leadSource": "on"]) == "suppressed workflow_cleared")
            // A source that is not told might be one that the main store knows.
            #expect(try await decision("q-unknown", [:]) == "deferred resolver_failed")
            try await trial.comeBack()
            let mails = try await trial.bench.deliveries { $0.origin = .legacy }.filter {
                ["q-on", "q-off", "q-none", "q-cleared"].contains($0.quoteID?.text) && $0.endpoint.channel == row.channel
                    && $0.audience == row.audience
            }
            #expect(Set(mails.compactMap(\.quoteID?.text)) == (row.enabled.hasPrefix("legacy") ? ["q-on", "q-none"] : []))
            #expect(mails.count == (row.enabled.hasPrefix("legacy") ? 2 : 0))
        }
    }

    @Test("without the legacy path everything that would be sent waits", arguments: rows) func withoutLegacyPath(row: Row) async throws {
        var configuration = BridgeBench.configuration
        configuration.isLegacyEnabled = false
        try await SpoolTrial.with(configuration: configuration) { trial in
            try await trial.bench.setWorkflow([step(row.trigger, row.channel, row.audience)])
            try await trial.goAway()
            #expect(Self.words(try await trial.publish(row.trigger), row) == "deferred enqueue_failed")
            try await trial.comeBack()
            let deliveries = try await trial.bench.deliveries()
            #expect(deliveries.map(\.origin) == [.workflow] && deliveries.map(\.endpoint.channel) == [row.channel])
        }
    }

    @Test func aSuppressedAddressStaysSuppressed() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.suppress("jan@klant.example", .email, .hardBounce)
            try await trial.goAway()
            let answer = try await trial.publish(DecisionTable.quoteSent)
            #expect(answer.words == ["email lead suppressed address_suppressed", "whatsapp lead none rule_not_found"])
            try await trial.comeBack()
            #expect(try await trial.bench.deliveries().map(\.state) == [.suppressed])
        }
    }

    @Test("case 35: of two steps one gives way to the legacy mail, the other waits") func case35() async throws {
        try await SpoolTrial.with { trial in
            try await trial.bench.setWorkflow([
                step(DecisionTable.quoteSent, order: 10), step(DecisionTable.quoteSent, order: 20, delay: 60, body: "Nog een keer"),
            ])
            try await trial.goAway()
            let answer = try await trial.publish(DecisionTable.quoteSent)
            #expect(answer.words.prefix(2) == ["email lead legacy enqueue_failed", "email lead deferred enqueue_failed"])
            try await trial.comeBack()
            let deliveries = try await trial.bench.deliveries()
            #expect(Set(deliveries.map(\.origin)) == [.legacy, .workflow] && deliveries.count == 2)
            #expect(deliveries.first { $0.origin == .workflow }?.isDelayedStep == true)
        }
    }

    @Test(
        "an event that leaves out what its legacy text needs waits",
        arguments: ["consumerName", "consumerEmail", "agentName", "agentEmail", "totalCents"])
    func leftOut(field: String) async throws {
        try await SpoolTrial.with { trial in
            // The main store knows the quote, the spool does not.
            _ = try await trial.bridge.publish(
                try QuoteEvent(BridgeBench.fields, trigger: DecisionTable.quoteSent), organizationID: trial.bench.organizationID)
            try await trial.goAway()
            let answer = try await trial.publish(DecisionTable.quoteAccepted, [field: .null])
            let isForLead = field.hasPrefix("consumer")
            #expect(answer.words[0] == (isForLead ? "email lead deferred enqueue_failed" : "email lead legacy enqueue_failed"))
            #expect(
                answer.words[2]
                    == (isForLead && field != "consumerName"
                        ? "email partner legacy enqueue_failed" : "email partner deferred enqueue_failed"))
            try await trial.comeBack()
            let words = try await trial.bench.store.event(answer.eventID, organizationID: trial.bench.organizationID)?.1.map(\.outcome)
            #expect(words?.count == 3 && words?.contains(.deferred) == false)
            let accepted = try await trial.bench.deliveries { $0.trigger = DecisionTable.quoteAccepted }
            #expect(accepted.count == 2 && accepted.allSatisfy { $0.origin == .legacy })
        }
    }

    @Test func withoutAMirrorOrWithAnOldOneEverythingWaits() async throws {
        try await SpoolTrial.with { trial in
            trial.main.set(.away(.unavailable))
            let none = try await trial.publish(DecisionTable.quoteSent)
            #expect(none.words == ["email lead deferred resolver_failed", "whatsapp lead deferred resolver_failed"])
            try await trial.goAway()
            trial.bench.clock.advance(by: .seconds(86_400))
            #expect(try await trial.publish(DecisionTable.quoteSent, ["quoteId": "q-2"]).words[0] == "email lead legacy enqueue_failed")
            trial.bench.clock.advance(by: .seconds(1))
            #expect(try await trial.publish(DecisionTable.quoteSent, ["quoteId": "q-3"]).words[0] == "email lead deferred resolver_failed")
            let elsewhere = try await trial.bridge.publish(
                try QuoteEvent(BridgeBench.fields, trigger: DecisionTable.quoteSent), organizationID: .make())
            #expect(elsewhere.words[0] == "email lead deferred resolver_failed")
            try await trial.comeBack()
            #expect(try await trial.bench.deliveries().count == 3)
        }
    }
}
