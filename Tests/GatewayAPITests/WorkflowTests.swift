import AdapterKit
import GatewayModel
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Workflows, rules and overrides over HTTP.
@Suite struct WorkflowTests {
    private static let engine = "/api/v1/admin/organizations/me/workflow-engine"

    @Test func whatIsReadCanBePutBack() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let read = try await client.call(.get, Self.engine + "/workflows", as: "viewer")
            let tag = try #require(read.headers[.eTag])
            let written = try await client.call(.put, Self.engine + "/workflows", as: "admin", read.json, headers: [.ifMatch: tag])
            #expect(written.status == 200)
            #expect(written.json == read.json)
            let stale = try await client.call(.put, Self.engine + "/workflows", as: "admin", read.json, headers: [.ifMatch: "\"0\""])
            #expect(stale.status == 412 && stale.code == "precondition_failed")
        }
    }

    @Test func idsStayWhenTheyAreLeftOut() async throws {
        let bench = try await APIBench()
        let step: JSONValue = ["trigger": "quote_sent", "channel": "email", "stepOrder": 1, "templateSubject": "Hi", "templateBody": "There"]
        let workflow: JSONValue = ["workflowKey": "w", "name": "W", "steps": [step]]
        try await bench.run { client async throws in
            let first = try await client.call(.put, Self.engine + "/workflows", as: "admin", ["workflows": [workflow]])
            #expect(first.status == 200)
            #expect(first.json["workflows"]?[0]?["steps"]?[0]?["enabled"] == true)
            let renamed = workflow.merging(["name": "Other"])
            let second = try await client.call(.put, Self.engine + "/workflows", as: "admin", ["workflows": [renamed]])
            #expect(second.json["workflows"]?[0]?["id"] == first.json["workflows"]?[0]?["id"])
            #expect(second.json["workflows"]?[0]?["steps"]?[0]?["id"] == first.json["workflows"]?[0]?["steps"]?[0]?["id"])
            #expect(second.json["workflows"]?[0]?["name"] == "Other")
            // The default workflow went, and the rule that pointed to it with it.
            #expect(try await client.call(.get, Self.engine + "/assignment-rules", as: "admin").json["rules"] == [])
        }
    }

    @Test func everyFaultIsListedAndNothingChanges() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let before = try await client.call(.get, Self.engine + "/workflows", as: "admin").json
            let step: JSONValue = [
                "trigger": "quote_sent", "channel": "fax", "stepOrder": 0, "delayMinutes": 525_601,
                "templateSubject": .string(String(repeating: "s", count: 501)), "templateBody": .string(String(repeating: "b", count: 12_001)),
            ]
            let body: JSONValue = [
                "workflows": [
                    ["workflowKey": "a", "name": "A", "steps": []], ["workflowKey": "b", "name": "B", "quoteValidDaysOverride": 366, "steps": [step]],
                ]
            ]
            let answer = try await client.call(.put, Self.engine + "/workflows", as: "admin", body)
            #expect(answer.status == 400)
            let path = "workflows[1].steps[0]."
            #expect(
                answer.faults == [
                    "workflows[0].steps", "workflows[1].quoteValidDaysOverride", path + "channel", path + "stepOrder", path + "delayMinutes",
                    path + "templateSubject", path + "templateBody",
                ])
            #expect(try await client.call(.put, Self.engine + "/workflows", as: "admin", ["workflows": []]).faults == ["workflows"])
            #expect(try await client.call(.get, Self.engine + "/workflows", as: "admin").json == before)
        }
    }

    @Test func theFlatFormIsTheDefaultWorkflow() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let body: JSONValue = ["workflows": [["trigger": "quote_sent", "channel": "email", "enabled": true, "delayMinutes": 0, "templateText": "Hi"]]]
            let written = try await client.call(.put, Self.engine + "/workflows", as: "admin", body)
            #expect(written.status == 200)
            #expect(written.json["workflows"]?[0]?["templateText"] == "Hi")
            #expect(written.json["workflows"]?[0]?["templateSubject"] != nil)
            let flat = try await client.call(.get, Self.engine + "/workflows?shape=flat", as: "admin")
            #expect(flat.json == written.json)
            let full = try await client.call(.get, Self.engine + "/workflows", as: "admin").json["workflows"]
            #expect(full?.arrayValue?.count == 1 && full?[0]?["workflowKey"] == "default" && full?[0]?["steps"]?[0]?["stepOrder"] == 10)
            let sourced: JSONValue = ["workflows": [["trigger": "quote_sent", "channel": "email", "leadSource": "web"]]]
            #expect(try await client.call(.put, Self.engine + "/workflows", as: "admin", sourced).faults == ["workflows[0].leadSource"])
        }
    }

    @Test func aLeadsOverrideDecidesAndIsRemovedOnce() async throws {
        let bench = try await APIBench()
        let lead = Self.engine + "/leads/lead-1"
        try await bench.run { client async throws in
            #expect(try await client.call(.get, lead + "/override", as: "admin").status == 404)
            #expect(try await client.call(.put, lead, as: "admin", ["source": "web"]).status == 200)
            let none = try await client.call(.get, lead + "/override", as: "viewer")
            #expect(none.status == 200 && none.json == .null)
            let resolved = try await client.call(.get, lead + "/resolve", as: "viewer").json
            #expect(resolved["resolutionSource"] == "auto_rule")
            #expect(try await client.call(.put, lead + "/override", as: "admin", ["overrideMode": "never"]).faults == ["overrideMode"])
            let foreign: JSONValue = ["overrideMode": "manual", "workflowId": "018f0000-0000-7000-8000-000000000000"]
            #expect(try await client.call(.put, lead + "/override", as: "admin", foreign).status == 404)
            #expect(try await client.call(.put, lead + "/override", as: "admin", ["overrideMode": "CLEAR"]).json["overrideMode"] == "clear")
            #expect(try await client.call(.get, lead + "/resolve", as: "viewer").json["resolutionSource"] == "manual_clear")
            #expect(try await client.call(.get, lead + "/override", as: "other").status == 404)
            #expect(try await client.call(.delete, lead + "/override", as: "admin").status == 204)
            #expect(try await client.call(.delete, lead + "/override", as: "admin").status == 404)
        }
    }

    @Test func rulesAreReplacedAsAWhole() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let workflows = try await client.call(.get, Self.engine + "/workflows", as: "admin").json
            let id = try #require(workflows["workflows"]?[0]?["id"])
            let all: JSONValue = ["workflowId": id, "name": "All", "leadSource": " "]
            let twice = try await client.call(
                .put, Self.engine + "/assignment-rules", as: "admin", ["rules": [all, all.merging(["name": "Every", "priority": -1])]])
            #expect(twice.faults == ["rules[1].priority"])
            let catchAlls = try await client.call(.put, Self.engine + "/assignment-rules", as: "admin", ["rules": [all, all.merging(["name": "Every"])]])
            #expect(catchAlls.faults == ["rules[1]"])
            let written = try await client.call(.put, Self.engine + "/assignment-rules", as: "admin", ["rules": [all]])
            #expect(written.json["rules"]?.arrayValue?.count == 1)
            #expect(try await client.call(.post, Self.engine + "/workflows/seed", as: "admin").status == 409)
        }
    }
}
