import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

@Suite(.timeLimit(.minutes(1))) struct SuppressionTests {
    private static let base = "/api/v1/suppressions"

    @Test func suppressedAddressesAreToldAndNotWrittenTo() async throws {
        try await APIBench.with { bench, client async throws in
            let body: JSONValue = [
                "channel": "whatsapp", "endpoint": "06 12345678", "reason": "opt_out", "scope": "category:marketing", "evidence": "said so",
            ]
            let added = try await client.call(.post, Self.base, as: "admin", body)
            #expect(
                added.status == 201 && added.json["endpoint"] == "+31612345678"
                    && added.json["actor"]?.stringValue?.hasPrefix("key:") == true)
            let check = try await client.call(
                .post, Self.base + "/check", as: "viewer",
                ["channel": "whatsapp", "endpoints": ["+31 6 12345678", "+31687654321", "no phone"]])
            #expect(check.json["results"]?.arrayValue?.map { $0["suppressed"] } == [true, false, false])
            #expect(check.json["results"]?[0]?["entry"] == added.json && check.json["results"]?[0]?["endpoint"] == "+31 6 12345678")
            func send(_ category: String) async throws -> JSONValue? {
                let message: JSONValue = [
                    "channel": "whatsapp", "to": "0612345678", "content": ["text": "Hi"], "category": .string(category),
                ]
                return try await client.call(.post, "/api/v1/messages", as: "sender", message).json["deliveries"]?[0]?["status"]
            }
            #expect(try await send("marketing") == "suppressed")
            #expect(try await send("transactional") == "pending")

            #expect(
                try await client.call(.get, Self.base + "?endpoint=0612345678", as: "viewer").json["suppressions"]?.arrayValue?.count == 1)
            #expect(try await client.call(.get, Self.base + "?channel=email", as: "viewer").json["suppressions"] == [])
            #expect(try await client.call(.get, Self.base, as: "other").json["suppressions"] == [])
            let path = Self.base + "/" + (try #require(added.json["id"]?.stringValue))
            #expect(try await client.call(.delete, path, as: "other").status == 404)
            #expect(try await client.call(.delete, path, as: "admin").status == 204)
            #expect(try await client.call(.delete, path, as: "admin").status == 404)
            #expect(try await send("marketing") == "pending")
            let actions = try await client.call(.get, "/api/v1/audit", as: "admin").json["entries"]?.arrayValue?.map { $0["action"] }
            #expect(actions == ["suppressions.remove", "suppressions.add"])
        }
    }

    @Test func everyFaultIsListedAndTimesPass() async throws {
        try await APIBench.with { bench, client async throws in
            let bad: JSONValue = [
                "channel": "email", "endpoint": "nobody", "scope": "all", "reason": "bad", "expiresAt": "2020-01-01T00:00:00Z", "until": 1,
            ]
            #expect(
                try await client.call(.post, Self.base, as: "admin", bad).faults == ["endpoint", "scope", "reason", "expiresAt", "until"])
            #expect(try await client.call(.post, Self.base, as: "admin", ["channel": "fax"]).faults == ["channel", "endpoint"])
            #expect(
                try await client.call(.post, Self.base + "/check", as: "viewer", ["channel": "fax", "endpoints": [1]]).faults == [
                    "channel", "endpoints[0]",
                ])
            let many = JSONValue.array(Array(repeating: "a@b.example", count: 501))
            #expect(
                try await client.call(.post, Self.base + "/check", as: "viewer", ["channel": "email", "endpoints": many]).faults == [
                    "endpoints"
                ])
            let end = bench.clock.now + .seconds(60)
            let brief: JSONValue = ["channel": "email", "endpoint": "A@Example.nl", "expiresAt": .string(end.description)]
            #expect(try await client.call(.post, Self.base, as: "admin", brief).status == 201)
            let question: JSONValue = ["channel": "email", "endpoints": ["a@example.nl"]]
            #expect(try await client.call(.post, Self.base + "/check", as: "viewer", question).json["results"]?[0]?["suppressed"] == true)
            bench.clock.advance(to: end)
            #expect(try await client.call(.post, Self.base + "/check", as: "viewer", question).json["results"]?[0]?["suppressed"] == false)
        }
    }

    @Test func aComplaintStandsWhateverIsAddedOverIt() async throws {
        try await APIBench.with { bench, client async throws in
            let complaint: JSONValue = ["channel": "email", "endpoint": "a@example.nl", "reason": "complaint"]
            let first = try await client.call(.post, Self.base, as: "admin", complaint)
            let second = try await client.call(.post, Self.base, as: "admin", complaint.merging(["reason": "manual"]))
            #expect(second.status == 201 && second.json == first.json)
        }
    }
}
