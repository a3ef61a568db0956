import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Which workflow a lead has: by rules, by hand.
@Suite(.timeLimit(.minutes(1))) struct LeadTests {
    private static let rules = APIBench.engine + "/assignment-rules"
    private static let lead = APIBench.engine + "/leads/lead-1"

    @Test("case 66: overrides are read, set and refused as promised; case 13: clear in any case of its letters") func case66() async throws
    {
        try await APIBench.with { bench, client async throws in
            for (method, body) in [(.get, nil), (.put, ["overrideMode": "clear"]), (.delete, nil)] as [(Method, JSONValue?)] {
                #expect(try await client.call(method, Self.lead + "/override", as: "admin", body).status == 404, "an unknown lead")
            }
            #expect(try await client.call(.put, Self.lead, as: "admin", ["source": "web"]).json == ["leadId": "lead-1", "source": "web"])
            let none = try await client.call(.get, Self.lead + "/override", as: "viewer")
            #expect(none.status == 200 && none.json == .null)
            #expect(try await client.call(.put, Self.lead + "/override", as: "admin", ["overrideMode": "never"]).faults == ["overrideMode"])
            let long: JSONValue = ["reason": .string(String(repeating: "r", count: 501)), "workflowId": "x", "note": 1]
            #expect(
                try await client.call(.put, Self.lead + "/override", as: "admin", long).faults == [
                    "overrideMode", "reason", "workflowId", "note",
                ])
            let foreignWorkflow = try await client.call(.get, APIBench.engine + "/workflows", as: "other").json["workflows"]?[0]?["id"]
            let foreign: JSONValue = ["overrideMode": "manual", "workflowId": try #require(foreignWorkflow)]
            #expect(try await client.call(.put, Self.lead + "/override", as: "admin", foreign).status == 404)
            let set = try await client.call(.put, Self.lead + "/override", as: "admin", ["overrideMode": "CLEAR", "reason": "asked"])
            #expect(set.status == 200 && set.json["overrideMode"] == "clear" && set.json["reason"] == "asked")
            #expect(try await client.call(.get, Self.lead + "/override", as: "viewer").json == set.json)
            #expect(
                try await client.call(.get, Self.lead + "/resolve", as: "viewer").json == [
                    "resolutionSource": "manual_clear", "overrideMode": "clear",
                ])
            for path in ["/override", "/resolve"] { #expect(try await client.call(.get, Self.lead + path, as: "other").status == 404) }
        }
    }

    @Test("case 18: without the override the rule decides again; a second removal finds none") func case18() async throws {
        try await APIBench.with { bench, client async throws in
            _ = try await client.call(.put, Self.lead, as: "admin", ["source": "web"])
            let other = try await client.call(
                .post, APIBench.engine + "/workflows", as: "admin",
                [
                    "workflowKey": "other", "name": "Other",
                    "steps": [["trigger": "quote_sent", "channel": "whatsapp", "templateBody": "x"]],
                ])
            let id = try #require(other.json["id"])
            for mode in ["manual", "manual_lock"] {
                _ = try await client.call(.put, Self.lead + "/override", as: "admin", ["overrideMode": .string(mode), "workflowId": id])
                let resolved = try await client.call(.get, Self.lead + "/resolve", as: "viewer").json
                #expect(
                    resolved["resolutionSource"] == "manual_override" && resolved["workflow"]?["id"] == id
                        && resolved["overrideMode"]?.stringValue == mode)
            }
            #expect(try await client.call(.delete, Self.lead + "/override", as: "admin").status == 204)
            let resolved = try await client.call(.get, Self.lead + "/resolve", as: "viewer").json
            #expect(
                resolved["resolutionSource"] == "auto_rule" && resolved["workflow"]?["workflowKey"] == "default"
                    && resolved["matchedRuleId"] != nil)
            #expect(try await client.call(.delete, Self.lead + "/override", as: "admin").status == 404)
            let entries = try #require(try await client.call(.get, "/api/v1/audit", as: "admin").json["entries"]?.arrayValue)
            #expect(
                entries[0]["action"] == "overrides.remove" && entries[0]["before"]?["overrideMode"] == "manual_lock"
                    && entries[0]["subject"] == "lead:lead-1")
        }
    }

    @Test("case 16: an override whose workflow was deleted falls through, and the explanation says so") func case16() async throws {
        try await APIBench.with { bench, client async throws in
            let workflow: JSONValue = [
                "workflowKey": "w", "name": "W", "steps": [["trigger": "quote_sent", "channel": "whatsapp", "templateBody": "x"]],
            ]
            let id = try #require(
                try await client.call(.post, APIBench.engine + "/workflows", as: "admin", workflow).json["id"]?.stringValue)
            _ = try await client.call(.put, Self.lead, as: "admin", [:])
            _ = try await client.call(.put, Self.lead + "/override", as: "admin", ["overrideMode": "manual", "workflowId": .string(id)])
            _ = try await client.call(.delete, APIBench.engine + "/workflows/\(id)", as: "admin")
            #expect(try await client.call(.get, Self.lead + "/resolve", as: "viewer").json["resolutionSource"] == "auto_rule")
            let sent = try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent)
            #expect(sent.json["decisions"]?[0]?["workflowKey"] == "default")
            let why = try await client.call(.get, "/api/v1/quotes/q1/explain", as: "viewer").json["summary"]?.stringValue
            #expect(why?.contains("The rules decided: the lead's override names a workflow that is missing or disabled.") == true)
        }
    }

    @Test func whatIsAskedGoesBeforeWhatIsKnownOfTheLead() async throws {
        try await APIBench.with { bench, client async throws in
            let workflows = try await client.call(.get, APIBench.engine + "/workflows", as: "admin").json
            let id = try #require(workflows["workflows"]?[0]?["id"])
            let rules: JSONValue = [
                "rules": [["workflowId": id, "name": "Roof", "leadSource": "Web", "leadServiceType": "roof", "pipelineStage": "new"]]
            ]
            _ = try await client.call(.put, Self.rules, as: "admin", rules)
            _ = try await client.call(.put, Self.lead, as: "admin", ["source": "web", "serviceType": "roof"])
            #expect(try await client.call(.get, Self.lead + "/resolve", as: "viewer").json == ["resolutionSource": "organization_default"])
            let asked = try await client.call(.get, Self.lead + "/resolve?pipelineStage=%20NEW%20", as: "viewer").json
            #expect(asked["resolutionSource"] == "auto_rule")
            let other = try await client.call(.get, Self.lead + "/resolve?pipelineStage=new&leadSource=shop", as: "viewer").json
            #expect(other["resolutionSource"] == "organization_default")
            #expect(try await client.call(.get, Self.lead + "/resolve?stage=new", as: "viewer").faults == ["stage"])
            // A lead is also known after its first event.
            #expect(
                try await client.call(.post, "/api/v1/quotes/q1/send", as: "quotes", APIBench.sent.merging(["leadId": "lead 2/é"])).status
                    == 202)
            #expect(try await client.call(.get, APIBench.engine + "/leads/lead%202%2F%C3%A9/resolve", as: "viewer").status == 200)
        }
    }

    @Test func rulesAreReplacedAsAWhole() async throws {
        try await APIBench.with { bench, client async throws in
            let workflows = try await client.call(.get, APIBench.engine + "/workflows", as: "admin").json
            let id = try #require(workflows["workflows"]?[0]?["id"])
            let all: JSONValue = ["workflowId": id, "name": "All", "leadSource": " "]
            let twice = try await client.call(
                .put, Self.rules, as: "admin", ["rules": [all, all.merging(["name": "Every", "priority": -1]), ["name": 1]]])
            #expect(twice.faults == ["rules[1].priority", "rules[2].workflowId", "rules[2].name"])
            let catchAlls = try await client.call(.put, Self.rules, as: "admin", ["rules": [all, all.merging(["name": "Every"])]])
            #expect(catchAlls.faults == ["rules[1]"])
            let lost: JSONValue = ["rules": [["workflowId": .string(APIBench.nobody), "name": "Lost", "leadSource": "x"]]]
            #expect(try await client.call(.put, Self.rules, as: "admin", lost).faults == ["rules[0].workflowId"])

            let web: JSONValue = ["workflowId": id, "name": "Web", "leadSource": "web", "priority": 5]
            let written = try await client.call(.put, Self.rules, as: "admin", ["rules": [all, web, web.merging(["leadSource": "shop"])]])
            #expect(written.status == 200 && written.json["rules"]?.arrayValue?.map { $0["priority"] } == [100, 5, 5])
            #expect(try await client.call(.get, Self.rules, as: "viewer").json == written.json)
            // Without ids they are found by their names, each once.
            let again = try await client.call(.put, Self.rules, as: "admin", ["rules": [all, web, web.merging(["leadSource": "shop"])]])
            #expect(again.json["rules"]?.arrayValue?.map { $0["id"] } == written.json["rules"]?.arrayValue?.map { $0["id"] })
            #expect(try await client.call(.put, Self.rules, as: "admin", ["rules": []]).json == ["rules": []])
            let many = JSONValue.array((0..<501).map { web.merging(["name": .string("r\($0)")]) })
            #expect(try await client.call(.put, Self.rules, as: "admin", ["rules": many]).faults == ["rules"])
        }
    }
}
