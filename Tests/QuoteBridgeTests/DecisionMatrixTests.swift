import AdapterKit
import GatewayModel
import QuoteBridge
import Testing
import WorkflowEngine

/// Each row of the decision table, in each situation that the embedded store knows.
@Suite(.timeLimit(.minutes(2))) struct DecisionMatrixTests {
    enum Situation: String, CaseIterable, Sendable {
        case noRule, disabled, enabled, noRecipient, optedOut, renderError, emptyContent, enqueueFails
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var trigger: String
        var channel: ChannelName
        var audience: Audience
        /// Outcome and reason by situation, in the order of `Situation`; nothing where nothing is recorded.
        var expected: [String]

        var testDescription: String { "\(trigger) · \(channel) · \(audience)" }
    }

    private static let mailWithLegacy = [
        "legacy rule_not_found", "suppressed rule_disabled", "enqueued rule_enabled", "none missing_email", "enqueued rule_enabled",
        "legacy render_failed", "suppressed empty_content", "",
    ]
    private static let mail = [
        "none rule_not_found", "suppressed rule_disabled", "enqueued rule_enabled", "none missing_email", "enqueued rule_enabled",
        "none render_failed", "suppressed empty_content", "",
    ]
    private static let chat = [
        "none rule_not_found", "suppressed rule_disabled", "enqueued rule_enabled", "none missing_phone", "suppressed opted_out",
        "none render_failed", "suppressed empty_content", "",
    ]

    static let rows = [
        Row(trigger: "quote_sent", channel: .email, audience: .lead, expected: mailWithLegacy),
        Row(trigger: "quote_sent", channel: .whatsapp, audience: .lead, expected: chat),
        Row(trigger: "quote_accepted", channel: .email, audience: .lead, expected: mailWithLegacy),
        Row(trigger: "quote_accepted", channel: .whatsapp, audience: .lead, expected: chat),
        Row(trigger: "quote_accepted", channel: .email, audience: .partner, expected: mailWithLegacy),
        Row(trigger: "quote_rejected", channel: .email, audience: .lead, expected: mail),
        Row(trigger: "quote_rejected", channel: .whatsapp, audience: .lead, expected: chat),
    ]

    @Test func theTableHasExactlyTheseRows() {
        for trigger in ["quote_sent", "quote_accepted", "quote_rejected"] {
            let rows = Self.rows.filter { $0.trigger == trigger }.map { [$0.channel.rawValue, $0.audience.rawValue] }
            #expect(DecisionTable.rows(of: trigger).map { [$0.channel.rawValue, $0.audience.rawValue] } == rows)
        }
    }

    @Test(arguments: rows, [true, false]) func everySituationIsDecidedAsTheTableSays(row: Row, hasLegacyPath: Bool) async throws {
        var configuration = BridgeBench.configuration
        configuration.isLegacyEnabled = hasLegacyPath
        try await BridgeBench.with(configuration: configuration) { bench in
            for (situation, expected) in zip(Situation.allCases, row.expected) {
                let expected = hasLegacyPath ? expected : expected.replacing("legacy", with: "none")
                let organizationID = OrganizationID.make()
                let steps = situation == .noRule ? [] : [Self.step(row, situation)]
                try await bench.setWorkflow(steps, organizationID: organizationID)
                let event = try QuoteEvent(BridgeBench.fields.merging(Self.fields(row, situation)), trigger: row.trigger)
                if situation == .enqueueFails {
                    try await bench.setDiskFull(true)
                    await #expect(throws: BridgeError.store(.full)) {
                        try await bench.bridge.publish(event, organizationID: organizationID)
                    }
                    try await bench.setDiskFull(false)
                    #expect(try await bench.deliveries(organizationID: organizationID).isEmpty, "\(situation)")
                    let quoteID = try #require(QuoteID("q-1"))
                    #expect(try await bench.store.quote(quoteID, organizationID: organizationID) == nil)
                    // The caller tells it again, and nothing was lost.
                    let again = try await bench.bridge.publish(event, organizationID: organizationID)
                    #expect(!again.isDuplicate && Self.decision(row, again) == "enqueued rule_enabled")
                    continue
                }
                let answer = try await bench.bridge.publish(event, organizationID: organizationID)
                #expect(Self.decision(row, answer) == expected, "\(situation)")
                let origins = try await bench.deliveries(organizationID: organizationID)
                    .filter { $0.endpoint.channel == row.channel && $0.audience == row.audience }.map(\.origin)
                let sends: [DeliveryOrigin] = expected.hasPrefix("enqueued") ? [.workflow] : expected.hasPrefix("legacy") ? [.legacy] : []
                #expect(origins == sends, "\(situation)")
            }
        }
    }

    private static func decision(_ row: Row, _ answer: PublishAnswer) -> String {
        let found = answer.decisions.filter { $0.channel == row.channel && $0.audience == row.audience }
        return found.map { "\($0.outcome.rawValue) \($0.reason.rawValue)" }.joined(separator: ", ")
    }

    private static func step(_ row: Row, _ situation: Situation) -> Step {
        let body = situation == .renderError ? "{{foo.bar}}" : situation == .emptyContent ? "<p> </p>" : "Hoi {{lead.name}}"
        return QuoteBridgeTests.step(row.trigger, row.channel, row.audience, enabled: situation != .disabled, body: body)
    }

    private static func fields(_ row: Row, _ situation: Situation) -> JSONValue {
        switch situation {
        case .noRecipient: ["consumerEmail": " ", "consumerPhone": " ", "agentEmail": " "]
        case .optedOut: ["whatsappOptedIn": false]
        case .enqueueFails: BridgeBench.document
        default: [:]
        }
    }
}
