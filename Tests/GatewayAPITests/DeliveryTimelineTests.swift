import AdapterKit
import GatewayModel
import Testing

@testable import GatewayAPI

@Suite struct DeliveryTimelineTests {
    /// A provider tells whole seconds, by a clock of its own.
    @Test func noReportStandsBeforeTheTryThatItIsAbout() throws {
        let start = Timestamp(microseconds: 1_700_000_000_700_000)
        let new = NewDelivery(
            id: .make(), endpoint: Endpoint(channel: .whatsapp, address: "+31612345678"), content: RenderedContent(["text": "t"]),
            origin: .api, orderingKey: nil, maxAttempts: 5, deadline: start + .seconds(60), dueAt: start)
        let message = NewMessage(id: .make(), organizationID: .make(), createdAt: start, deliveries: [new])
        var delivery = try #require(message.accepted.first)
        delivery.state = .succeeded
        delivery.settledAt = start + .milliseconds(200)
        let attempt = Attempt(
            number: 1, startedAt: start + .milliseconds(100), endedAt: start + .milliseconds(200), outcome: .accepted, counted: true)
        let reports = [DeliveryReport.Kind.sent, .read].map { kind in
            StoredReport(
                id: .make(), organizationID: nil, channel: .whatsapp,
                report: DeliveryReport(kind: kind, at: Timestamp(seconds: 1_700_000_000)), receivedAt: start + .seconds(1))
        }
        let timeline = DeliveryTimeline(delivery, attempts: [attempt], reports: reports)
        #expect(timeline.entries.map(\.kind) == ["accepted", "attempt", "report", "report", "settled"])
        #expect(zip(timeline.entries, timeline.entries.dropFirst()).allSatisfy { $0.at <= $1.at })
    }
}
