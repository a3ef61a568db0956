import AdapterKit
import QuoteBridge
import Testing
import WorkflowEngine

/// What an event costs in statements, which unlike time can be counted on.
@Suite(.timeLimit(.minutes(1))) struct EventCostTests {
    @Test func anEventCostsTheSameWhateverWasBefore() async throws {
        try await BridgeBench.with { bench in
            let steps = ["quote_sent", "quote_accepted", "quote_rejected"].flatMap { [step($0), step($0, .whatsapp)] }
            try await bench.setWorkflow(steps)
            // Asking costs something too.
            let first = try await bench.statements()
            let asking = try await bench.statements() - first
            func cost(_ trigger: String, _ body: JSONValue) async throws -> Int {
                let before = try await bench.statements()
                try await bench.publish(trigger, body)
                return try await bench.statements() - before - asking
            }
            // Each read is a transaction of three statements, the write one of all: two messages a quote event, three an acceptance. What ends
            // a quote also looks for the reminders that it took back.
            for (trigger, most) in [("quote_sent", 51), ("quote_accepted", 62), ("quote_rejected", 54), ("lead_welcome", 29)] {
                var costs: Set<Int> = []
                for index in 0..<5 {
                    let name = JSONValue.string("\(trigger) \(index)")
                    costs.insert(try await cost(trigger, ["quoteId": name, "eventId": name]))
                }
                #expect(costs.count == 1 && costs.allSatisfy { $0 <= most }, "\(trigger): \(costs)")
            }
            let known = try await cost("quote_accepted", ["quoteId": "quote_sent 1"])
            #expect(known <= 66, "with the document that the quote was sent with: \(known)")
            let repeated = try await cost("quote_sent", ["quoteId": "quote_sent 1", "eventId": "quote_sent 1"])
            #expect(repeated <= 9, "a repeat only looks: \(repeated)")
        }
    }
}
