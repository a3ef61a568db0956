import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Whatever comes in, a call is answered, and never with what goes on inside.
@Suite(.timeLimit(.minutes(5))) struct AbuseTests {
    /// Words that would tell of the store or of the code.
    private static let inside = ["sqlite", "SQL", "GRDB", "no such", "constraint", "Swift", "Fatal", "StoreError", "Optional("]

    /// The operations that end by themselves, with somebody who may call them.
    private static let operations = Operation.allCases.filter { $0 != .watchPublicQuote && $0 != .streamDeliveries }

    private static func caller(_ operation: Operation) -> String? {
        guard case .roles(let roles) = operation.row.access else { return nil }
        return roles.contains(.admin) ? "admin" : roles.first?.rawValue
    }

    private static func expectHarmless(_ answer: Client.Answer, _ operation: Operation, _ seed: UInt64) {
        #expect(answer.status != 500, "\(operation), seed \(seed): \(answer.text)")
        if answer.status >= 400 {
            for word in inside { #expect(!answer.text.contains(word), "\(operation), seed \(seed): \(answer.text)") }
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func randomBytes(seed: UInt64) async throws {
        try await APIBench.with { _, client async throws in
            var noise = Dice(seed: seed)
            for operation in Self.operations {
                for _ in 0..<6 {
                    let bytes = (0..<Int.random(in: 0...200, using: &noise)).map { _ in UInt8.random(in: 0...255, using: &noise) }
                    let answer = try await client.call(
                        operation.row.method, noise.address(of: operation), as: Self.caller(operation), bytes: bytes)
                    Self.expectHarmless(answer, operation, seed)
                }
            }
        }
    }

    @Test(arguments: [11, 12, 13, 14, 15, 16] as [UInt64]) func randomJSON(seed: UInt64) async throws {
        try await APIBench.with { _, client async throws in
            var noise = Dice(seed: seed)
            for operation in Self.operations where operation.row.body != .none {
                for _ in 0..<25 {
                    let body = noise.mutated(Examples.body(of: operation) ?? .object([:]))
                    let answer = try await client.call(operation.row.method, noise.address(of: operation), as: Self.caller(operation), body)
                    Self.expectHarmless(answer, operation, seed)
                }
            }
        }
    }

    @Test func documentsThatAreNoneAreRefusedWithTheirPlace() async throws {
        try await APIBench.with { _, client async throws in
            let deep = String(repeating: "[", count: 100_000)
            let texts: [[UInt8]] = [
                Array(deep.utf8), Array(#"{"channel":"email","channel":"whatsapp"}"#.utf8), Array(#"{"channel":"\#u{0}"}"#.utf8),
                Array(#"{"a":1e999}"#.utf8),
                [0x22, 0xFF, 0x22], [0x7B, 0x22, 0xC3, 0x28, 0x22, 0x3A, 0x31, 0x7D], Array(#"{"a":"\ud800"}"#.utf8), Array("{}{}".utf8),
                Array("nul".utf8),
                [0xEF, 0xBB, 0xBF, 0x7B, 0x7D], [], Array(#"{"a":01}"#.utf8), Array(#"{"a":1,}"#.utf8), Array("'a'".utf8),
            ]
            for operation in Operation.allCases
            where [.json, .jsonWithFiles].contains(operation.row.body) && operation.row.access != .publicToken {
                for text in texts {
                    let answer = try await client.call(
                        operation.row.method, operation.exampleAddress, as: Self.caller(operation), bytes: text)
                    // What is not there is not there, whatever is said of it.
                    if answer.status == 404 { continue }
                    #expect(answer.status == 400 && answer.faults == ["$"], "\(operation): \(answer.text)")
                }
            }
        }
    }

    @Test func aDocumentThatIsNoneIsRefusedWithLineAndColumn() async throws {
        try await APIBench.with { _, client async throws in
            let answer = try await client.call(.post, "/api/v1/messages", as: "sender", bytes: Array("{\n  \"channel\": email\n}".utf8))
            #expect(answer.json["details"]?[0]?["message"]?.stringValue?.hasSuffix("in line 2, column 14") == true, "\(answer.text)")
        }
    }

    @Test func aBodyThatIsTooLargeIsNotRead() async throws {
        try await APIBench.with { _, client async throws in
            for (path, limit) in [("/api/v1/messages", 25 << 20), ("/api/v1/suppressions", 1 << 20)] {
                let body = Array("\"".utf8) + [UInt8](repeating: 0x61, count: limit)
                let answer = try await client.call(.post, path, as: "admin", bytes: body)
                #expect(answer.status == 413 && answer.code == "payload_too_large")
            }
        }
    }

    @Test func textsOfEveryKindGoInAndComeOutAsTheyWere() async throws {
        try await APIBench.with { _, client async throws in
            for text in [
                "é\u{301}😀\u{202E}x", "'; DROP TABLE deliveries; --", "%00%s{{", "\u{0}\u{7F}\u{1B}[31m",
                String(repeating: "\u{FEFF}", count: 50),
            ] {
                let body = APIBench.sent.merging(["consumerName": .string(text), "variables": ["x": .string(text)]])
                let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", body)
                #expect(sent.status == 202)
                let message = APIBench.mail.merging(["content": ["subject": "S", "text": .string(text)], "metadata": ["m": .string(text)]])
                let accepted = try await client.call(.post, "/api/v1/messages", as: "sender", message)
                guard accepted.status == 202 else { continue }
                let id = try #require(accepted.json["deliveries"]?[0]?["id"]?.stringValue)
                #expect(try await client.call(.get, "/api/v1/deliveries/\(id)", as: "admin").json["content"]?["text"]?.stringValue == text)
            }
        }
    }
}

/// Values that look nearly right, from a seed.
extension Dice {
    /// A path of a call, with ids that may be anything, and perhaps a query.
    mutating func address(of operation: Operation) -> String {
        let strange = [
            "x", "%00", "%ff%fe", "..%2f..", "%F0%9F%98%80", "018f0000-0000-7000-8000-000000000000", "q1", "lead-1",
            String(repeating: "z", count: 300), "%",
        ]
        let path = operation.row.path.split(separator: "/").map { part in
            part.hasPrefix("{") ? (strange.randomElement(using: &self) ?? "x") : String(part)
        }
        let queries = [
            "", "?limit=-1", "?cursor=ff", "?organization=%00", "?limit=99999999999999999999", "?a=%zz&a=1", "?since=9999-12-31T23:59:59Z",
            "?recipient=%27",
        ]
        return "/" + path.joined(separator: "/") + (queries.randomElement(using: &self) ?? "")
    }

    /// The value with some of its parts replaced by something else, left out or added.
    mutating func mutated(_ value: JSONValue, depth: Int = 0) -> JSONValue {
        if Int.random(in: 0..<8, using: &self) == 0 { return odd(depth: depth) }
        switch value {
        case .array(let elements):
            var elements = elements.map { mutated($0, depth: depth + 1) }
            if Int.random(in: 0..<5, using: &self) == 0 { elements += elements }
            return .array(elements)
        case .object(let members):
            var members = members
            // In their order, so that a seed always gives the same.
            for (key, member) in members.sorted(by: { $0.key < $1.key }) { members[key] = mutated(member, depth: depth + 1) }
            if let key = members.keys.sorted().randomElement(using: &self), Int.random(in: 0..<4, using: &self) == 0 { members[key] = nil }
            if Int.random(in: 0..<6, using: &self) == 0 { members["q\u{0}x"] = odd(depth: depth) }
            return .object(members)
        default: return value
        }
    }

    private mutating func odd(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<14, using: &self) {
        case 0: .null
        case 1: .bool(false)
        case 2: .int(.max)
        case 3: .int(.min)
        case 4: .double(1e300)
        case 5: .double(-0.5)
        case 6: .string("")
        case 7: .string(String(repeating: "𝕏", count: 600))
        case 8: .string("\u{0}")
        case 9: .string("9999-12-31T23:59:59.999999999+23:59")
        case 10: .string("{{lead.name}}{{")
        case 11: .array([])
        case 12: depth > 4 ? .object([:]) : .object(["a": odd(depth: depth + 1)])
        default: .array([odd(depth: depth + 5)])
        }
    }
}

/// A good body of each call that takes one.
enum Examples {
    static func body(of operation: Operation) -> JSONValue? {
        let step: JSONValue = [
            "trigger": "quote_sent", "channel": "email", "audience": "lead", "stepOrder": 10, "delayMinutes": 5, "enabled": true,
            "recipientConfig": ["includeLeadContact": true, "customEmails": ["a@b.example"]], "templateSubject": "S {{quote.number}}",
            "templateBody": "<p>{{lead.name}}</p>",
        ]
        let chat: JSONValue = [
            "trigger": "quote_sent", "channel": "whatsapp", "stepOrder": 20,
            "whatsappTemplate": [
                "name": "n", "language": "nl",
                "components": [["type": "body", "parameters": [["type": "text", "text": "{{lead.name}}"]]]],
            ],
        ]
        let workflow: JSONValue = [
            "workflowKey": "w", "name": "W", "description": "D", "quoteValidDaysOverride": 30, "steps": [step, chat],
        ]
        let event = APIBench.sent.merging([
            "eventId": "e", "occurredAt": "2026-03-01T09:00:00Z", "validUntil": "2026-04-01T09:00:00Z", "variables": ["a": ["b": 1]],
            "attachments": [["filename": "o.pdf", "contentType": "application/pdf", "contentBase64": "JVBERg=="]],
        ])
        let message = APIBench.mail.merging([
            "idempotencyKey": "k", "notBefore": "2026-03-01T09:00:00Z", "expiresAt": "2027-03-01T09:00:00Z", "orderingKey": "o",
            "category": "marketing",
            "metadata": ["m": 1], "fallback": [["channel": "whatsapp", "to": "+31612345678", "content": ["text": "t"], "afterMinutes": 5]],
        ])
        switch operation {
        case .sendQuote: return event
        case .publishQuoteEvents: return [event.merging(["type": "quotes.quote.accepted", "quoteId": "q1", "signatureName": "A"])]
        case .publishEvent: return event.merging(["type": "lead_welcome", "subjectId": "s"])
        case .acceptPublicQuote: return ["signatureName": "A"]
        case .rejectPublicQuote: return ["reason": "r"]
        case .putWorkflows: return ["workflows": [workflow]]
        case .createWorkflow: return workflow
        case .createStep: return step.merging(["stepOrder": 30])
        case .updateWorkflow: return ["name": "N", "enabled": false]
        case .updateStep: return ["enabled": false]
        case .putAssignmentRules:
            return ["rules": [["workflowId": .string(APIBench.nobody), "name": "R", "priority": 5, "leadSource": "web"]]]
        case .putLead: return ["source": "web", "serviceType": "roof", "pipelineStage": "new"]
        case .putOverride: return ["overrideMode": "clear", "reason": "r"]
        case .sendMessage: return message
        case .sendMessages: return ["messages": [message, message.merging(["idempotencyKey": "l"])]]
        case .resolveDelivery: return ["as": "delivered"]
        case .addSuppression:
            return ["channel": "email", "endpoint": "s@example.nl", "scope": "organization", "expiresAt": "2027-03-01T09:00:00Z"]
        case .checkSuppressions: return ["channel": "email", "endpoints": ["a@example.nl"]]
        default: return nil
        }
    }
}
