import AdapterKit
import Testing

@testable import WebhookAdapter

@Suite("Webhook bodies")
struct WebhookPayloadTests {
    private func body(_ text: String) throws -> String {
        String(
            decoding: try WebhookPayload.body(of: RenderedContent(bytes: Array(text.utf8)), acceptedAt: Timestamp(seconds: 0)),
            as: UTF8.self)
    }

    @Test(arguments: [
        #"{"data":{},"timestamp":"2026-03-01T09:30:00.000Z","type":"a"}"#,
        #"{"type":"a", "timestamp":"t", "data":[{"type":1},"}\"{"]}"#,
        #"{"data":"\\","timestamp":"t","type":"a"}"#,
    ])
    func goOutAsStored(_ text: String) throws { #expect(try body(text) == text) }

    @Test(arguments: [
        #"{"type":"a","data":{"timestamp":"t"}}"#, #"{"type":"a","data":"timestamp"}"#, #"{ "data" : "\"timestamp\":" , "type" : "a" }"#,
    ])
    func getTheTimeOfAcceptanceWhenTheyHaveNone(_ text: String) throws {
        let built = try JSONValue(parsing: body(text))
        let stored = try JSONValue(parsing: text)
        #expect(built["timestamp"] == "1970-01-01T00:00:00.000Z")
        #expect(built["data"] == stored["data"])
    }

    @Test(arguments: [
        "", "{", "{}", "[]", #"{"type":"a"}"#, #"{"type":"","data":1}"#, #"{"type":"a","timestamp":"t","data":{}"#,
        #"{"type":"a","data":1}{}"#,
    ])
    func areRefusedWhenTheyAreNoEvent(_ text: String) { #expect(throws: Faults.self) { try body(text) } }
}
