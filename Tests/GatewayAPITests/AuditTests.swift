import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Who changed what is written with the change, or neither is.
@Suite(.timeLimit(.minutes(1))) struct AuditTests {
    @Test func aChangeThatCannotBeAuditedIsNotMade() async throws {
        try await APIBench.with { bench, client async throws in
            _ = try await client.call(.put, APIBench.engine + "/leads/lead-1", as: "admin", [:])
            _ = try await client.call(.put, APIBench.engine + "/leads/lead-2", as: "admin", [:])
            _ = try await client.call(.put, APIBench.engine + "/leads/lead-2/override", as: "admin", ["overrideMode": "clear"])
            let suppression = try await client.call(
                .post, "/api/v1/suppressions", as: "admin", ["channel": "email", "endpoint": "s@example.nl"])
            let sent = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail)
            let delivery = try #require(sent.json["deliveries"]?[0]?["id"]?.stringValue)
            func everything() async throws -> [JSONValue] {
                var all: [JSONValue] = []
                for path in [
                    APIBench.engine + "/workflows", APIBench.engine + "/assignment-rules", APIBench.engine + "/leads/lead-1/override",
                    APIBench.engine + "/leads/lead-2/override", APIBench.engine + "/leads/lead-1/resolve", "/api/v1/suppressions",
                    "/api/v1/deliveries",
                ] { all.append(try await client.call(.get, path, as: "admin").json) }
                return all
            }
            let before = try await everything()
            let changes: [(Method, String, JSONValue?)] = [
                (.post, APIBench.engine + "/workflows", Examples.body(of: .createWorkflow)),
                (.put, APIBench.engine + "/workflows", Examples.body(of: .putWorkflows)),
                (.put, APIBench.engine + "/assignment-rules", ["rules": []]),
                (.put, APIBench.engine + "/leads/lead-1", ["source": "web"]),
                (.put, APIBench.engine + "/leads/lead-1/override", ["overrideMode": "clear"]),
                (.delete, APIBench.engine + "/leads/lead-2/override", nil),
                (.delete, "/api/v1/suppressions/\(suppression.json["id"]?.stringValue ?? "")", nil),
                (.post, "/api/v1/suppressions", Examples.body(of: .addSuppression)), (.post, "/api/v1/deliveries/\(delivery)/cancel", nil),
            ]
            try await bench.script("ALTER TABLE audit_entries RENAME TO lost")
            for (method, path, body) in changes {
                #expect(try await client.status(method, path, as: "admin", body) == 500, "\(method) \(path)")
            }
            try await bench.script("ALTER TABLE lost RENAME TO audit_entries")
            #expect(try await everything() == before)
            let entries = try await client.call(.get, "/api/v1/audit?limit=500", as: "admin").json["entries"]?.arrayValue ?? []
            for (method, path, body) in changes {
                #expect(try await client.call(method, path, as: "admin", body).status < 300, "\(method) \(path)")
            }
            let after = try await client.call(.get, "/api/v1/audit?limit=500", as: "admin").json["entries"]?.arrayValue ?? []
            #expect(after.count == entries.count + changes.count)
        }
    }

    @Test func ofWorkflowsTheAuditHasWhatChangedAndNothingElse() async throws {
        try await APIBench.with { bench, client async throws in
            let path = APIBench.engine + "/workflows"
            let texts = ["one", "two"].map { WorkflowExamples.workflow($0) }
            let before = try await client.call(.put, path, as: "admin", ["workflows": .array(texts)]).json
            let id = try #require(before["workflows"]?[1]?["id"]?.stringValue)
            let step = try #require(before["workflows"]?[1]?["steps"]?[0]?["id"]?.stringValue)
            bench.clock.advance(by: .seconds(1))
            let body: JSONValue = ["templateBody": "Otherwise"]
            #expect(try await client.call(.patch, "\(path)/\(id)/steps/\(step)", as: "admin", body).status == 200)
            let entry = try #require(try await client.call(.get, "/api/v1/audit?limit=1", as: "admin").json["entries"]?[0])
            for (side, text) in [("before", "There"), ("after", "Otherwise")] {
                let workflows = entry[side]?["workflows"]?.arrayValue ?? []
                #expect(workflows.map { $0["workflowKey"] } == ["two"] && entry[side]?["rules"] == [])
                #expect(workflows.first?["steps"]?[0]?["templateBody"]?.stringValue == text)
            }
        }
    }

    @Test func theAuditIsOnesOwnAndPaged() async throws {
        try await APIBench.with { bench, client async throws in
            for index in 0..<3 {
                bench.clock.advance(by: .seconds(1))
                let body: JSONValue = ["channel": "email", "endpoint": .string("s\(index)@example.nl")]
                #expect(try await client.call(.post, "/api/v1/suppressions", as: "admin", body).status == 201)
            }
            let first = try await client.call(.get, "/api/v1/audit?limit=2", as: "admin").json
            #expect(first["entries"]?.arrayValue?.count == 2)
            let cursor = try #require(first["nextCursor"]?.stringValue)
            let rest = try await client.call(.get, "/api/v1/audit?limit=2&cursor=\(cursor)", as: "admin").json
            #expect(rest["entries"]?.arrayValue?.count == 1 && rest["nextCursor"] == .null)
            #expect(try await client.call(.get, "/api/v1/audit", as: "other").json["entries"] == [])
            let operated = try await client.call(.get, "/api/v1/audit?organization=\(bench.organizationID)", as: "operator").json
            #expect(operated["entries"]?.arrayValue?.count == 3)
        }
    }
}
