import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Workflows over HTTP, as a whole and one by one.
@Suite(.timeLimit(.minutes(1))) struct WorkflowTests {
    private static let workflows = APIBench.engine + "/workflows"

    @Test("case 61: after each workflow is deleted there are none; what is put is read back, every field of it") func case61() async throws
    {
        try await APIBench.with { bench, client async throws in
            let written = try await client.call(.put, Self.workflows, as: "admin", ["workflows": [WorkflowExamples.everything]])
            let read = try await client.call(.get, Self.workflows, as: "viewer")
            #expect(written.status == 200 && read.json == written.json)
            let workflow = try #require(read.json["workflows"]?[0])
            #expect(WorkflowExamples.withoutStamps(workflow) == WorkflowExamples.everything)
            // What is read can be put back as it came, and changes nothing.
            let tag = try #require(read.headers[.eTag])
            let again = try await client.call(.put, Self.workflows, as: "admin", read.json, headers: [.ifMatch: tag])
            #expect(again.status == 200 && again.json == read.json)

            for workflow in try await client.call(.get, Self.workflows, as: "admin").json["workflows"]?.arrayValue ?? [] {
                #expect(
                    try await client.call(.delete, "\(Self.workflows)/\(try #require(workflow["id"]?.stringValue))", as: "admin").status
                        == 204)
            }
            #expect(try await client.call(.get, Self.workflows, as: "admin").json == ["workflows": []])
            #expect(try await client.call(.get, Self.workflows + "?shape=flat", as: "admin").json == ["workflows": []])
        }
    }

    /// A workflow without what the gateway adds.
    @Test("case 62: without ids the stored ones are found by their keys, and keep their ids") func case62() async throws {
        try await APIBench.with { bench, client async throws in
            let body: JSONValue = [
                "workflows": [
                    WorkflowExamples.workflow("w", WorkflowExamples.step(), WorkflowExamples.step(["stepOrder": 20])),
                    WorkflowExamples.workflow("v"),
                ]
            ]
            let first = try await client.call(.put, Self.workflows, as: "admin", body)
            let renamed = WorkflowExamples.workflow(
                "w", WorkflowExamples.step(["stepOrder": 20]), WorkflowExamples.step(["templateBody": "Other"])
            ).merging(["name": "Other"])
            bench.clock.advance(by: .seconds(60))
            let second = try await client.call(.put, Self.workflows, as: "admin", ["workflows": [WorkflowExamples.workflow("v"), renamed]])
            let (before, after) = (try #require(first.json["workflows"]), try #require(second.json["workflows"]))
            #expect(after[1]?["id"] == before[0]?["id"] && after[0]?["id"] == before[1]?["id"])
            #expect(
                after[1]?["steps"]?[0]?["id"] == before[0]?["steps"]?[1]?["id"]
                    && after[1]?["steps"]?[1]?["id"] == before[0]?["steps"]?[0]?["id"])
            #expect(after[1]?["name"] == "Other" && after[1]?["createdAt"] == before[0]?["createdAt"])
            #expect(after[1]?["updatedAt"] != before[0]?["updatedAt"] && after[0] == before[1], "only what changed is newer")
            // An id goes before a key, so that a workflow can be renamed while another takes its key.
            let id = try #require(after[1]?["id"])
            let swapped: JSONValue = ["workflows": [WorkflowExamples.workflow("w"), WorkflowExamples.workflow("x").merging(["id": id])]]
            let third = try await client.call(.put, Self.workflows, as: "admin", swapped)
            #expect(third.status == 200 && third.json["workflows"]?[1]?["id"] == id && third.json["workflows"]?[0]?["id"] != id)
            // The default workflow went, and the rule that pointed to it with it; the audit says both.
            #expect(try await client.call(.get, APIBench.engine + "/assignment-rules", as: "admin").json["rules"] == [])
            let audit = try #require(try await client.call(.get, "/api/v1/audit", as: "admin").json["entries"]?.arrayValue?.last)
            #expect(
                audit["action"] == "workflows.replace" && audit["before"]?["rules"]?.arrayValue?.count == 1
                    && audit["after"]?["rules"] == [])
        }
    }

    @Test("case 63: every fault is listed, case 65: and nothing changes") func case63() async throws {
        try await APIBench.with { bench, client async throws in
            let before = try await client.call(.get, Self.workflows, as: "admin")
            let bad: JSONValue = [
                "trigger": "quote_sent", "channel": "fax", "stepOrder": 0, "delayMinutes": 525_601, "audience": "nobody", "enabld": true,
                "templateSubject": .string(String(repeating: "s", count: 501)),
                "templateBody": .string(String(repeating: "b", count: 12_001)),
                "recipientConfig": ["customEmails": [1], "includeAll": true],
            ]
            let template = WorkflowExamples.step(["templateBody": "{{#each}}", "whatsappTemplate": 7, "action": "call"])
            let body: JSONValue = [
                "workflows": [
                    WorkflowExamples.workflow("good"), ["workflowKey": "a", "name": "A", "steps": []],
                    [
                        "workflowKey": "b", "name": .string(String(repeating: "n", count: 161)), "quoteValidDaysOverride": 366,
                        "steps": [bad, template],
                    ],
                    ["workflowKey": .string(String(repeating: "k", count: 121)), "name": " ", "quotePaymentDaysOverride": 0],
                ]
            ]
            let answer = try await client.call(.put, Self.workflows, as: "admin", body)
            #expect(answer.status == 400 && answer.code == "invalid_request")
            let step = "workflows[2].steps[0]."
            #expect(
                answer.faults == [
                    "workflows[1].steps", "workflows[2].name", "workflows[2].quoteValidDaysOverride", step + "channel", step + "stepOrder",
                    step + "delayMinutes", step + "audience", step + "enabld", step + "templateSubject", step + "templateBody",
                    step + "recipientConfig.customEmails[0]", step + "recipientConfig.includeAll", "workflows[2].steps[1].templateBody",
                    "workflows[2].steps[1].whatsappTemplate", "workflows[2].steps[1].action", "workflows[3].workflowKey",
                    "workflows[3].name",
                    "workflows[3].quotePaymentDaysOverride", "workflows[3].steps",
                ])
            let messages = answer.json["details"]?.arrayValue ?? []
            #expect(messages.contains { $0["message"]?.stringValue?.contains("did you mean enabled?") == true })
            #expect(try await client.call(.put, Self.workflows, as: "admin", ["workflows": []]).faults == ["workflows"])
            let many = JSONValue.array((0..<101).map { WorkflowExamples.workflow("w\($0)") })
            #expect(try await client.call(.put, Self.workflows, as: "admin", ["workflows": many]).faults == ["workflows"])
            let after = try await client.call(.get, Self.workflows, as: "admin")
            #expect(after.json == before.json && after.headers[.eTag] == before.headers[.eTag])
        }
    }

    @Test("case 63: what can be told only of the whole") func collisions() async throws {
        try await APIBench.with { bench, client async throws in
            let id = "018f0000-0000-7000-8000-0000000000aa"
            let body: JSONValue = [
                "workflows": [
                    WorkflowExamples.workflow("a", WorkflowExamples.step(["id": .string(id)]), WorkflowExamples.step(["stepOrder": 20])),
                    WorkflowExamples.workflow("a", WorkflowExamples.step(["id": .string(id)])).merging(["id": .string(id)]),
                    WorkflowExamples.workflow("c").merging(["id": .string(id)]),
                ]
            ]
            let answer = try await client.call(.put, Self.workflows, as: "admin", body)
            #expect(answer.faults == ["workflows[1].workflowKey", "workflows[1].steps[0].id", "workflows[2].id"])
            let same = try await client.call(
                .put, Self.workflows, as: "admin",
                ["workflows": [WorkflowExamples.workflow("a", WorkflowExamples.step(), WorkflowExamples.step())]])
            #expect(same.faults == ["workflows[0].steps[1]"])
        }
    }

    @Test("case 64: a step is enabled unless it says otherwise") func case64() async throws {
        try await APIBench.with { bench, client async throws in
            let written = try await client.call(
                .put, Self.workflows, as: "admin",
                ["workflows": [WorkflowExamples.workflow("w", WorkflowExamples.step(["audience": "LEAD"]))]])
            let step = written.json["workflows"]?[0]?["steps"]?[0]
            #expect(
                step?["enabled"] == true && step?["audience"] == "lead" && step?["delayMinutes"] == 0 && step?["action"] == "send_message")
            #expect(step?["recipientConfig"] == nil, "left out is left out")
        }
    }

    @Test("case 21: a delay of a year is taken, a minute more is not") func case21() async throws {
        try await APIBench.with { bench, client async throws in
            for (minutes, status) in [(525_600, 200), (525_601, 400)] as [(Int64, Int)] {
                let body: JSONValue = [
                    "workflows": [WorkflowExamples.workflow("w", WorkflowExamples.step(["delayMinutes": .int(minutes)]))]
                ]
                #expect(try await client.call(.put, Self.workflows, as: "admin", body).status == status)
            }
        }
    }

    @Test func aStaleVersionIsRefused() async throws {
        try await APIBench.with { bench, client async throws in
            let read = try await client.call(.get, Self.workflows, as: "viewer")
            let tag = try #require(read.headers[.eTag])
            #expect(try await client.call(.put, Self.workflows, as: "admin", read.json, headers: [.ifMatch: "\"0\", \(tag)"]).status == 200)
            let stale = try await client.call(.put, Self.workflows, as: "admin", read.json, headers: [.ifMatch: tag])
            #expect(stale.status == 412 && stale.code == "precondition_failed")
            #expect(try await client.call(.put, Self.workflows, as: "admin", read.json, headers: [.ifMatch: "*"]).status == 200)
            #expect(
                try await client.call(.post, Self.workflows, as: "admin", WorkflowExamples.workflow("n"), headers: [.ifMatch: tag]).status
                    == 412)
        }
    }

    @Test func theFlatFormIsTheDefaultWorkflow() async throws {
        try await APIBench.with { bench, client async throws in
            let other = WorkflowExamples.workflow("other")
            _ = try await client.call(.post, Self.workflows, as: "admin", other)
            let flat: JSONValue = [
                "workflows": [
                    [
                        "trigger": "quote_sent", "channel": "email", "enabled": true, "delayMinutes": 0, "leadSource": " ",
                        "templateText": "Hi",
                    ],
                    [
                        "trigger": "quote_sent", "channel": "WhatsApp", "audience": "Lead", "enabled": false, "delayMinutes": 5,
                        "templateText": "Hi",
                    ],
                    ["trigger": "my_own", "channel": "email", "templateSubject": "Own", "templateText": "Hi"],
                ]
            ]
            let written = try await client.call(.put, Self.workflows, as: "admin", flat)
            #expect(written.status == 200 && written.json["workflows"]?.arrayValue?.count == 3)
            #expect(written.json["workflows"]?[0]?["templateSubject"] == "Je offerte {{quote.number}} van {{org.name}}")
            #expect(try await client.call(.get, Self.workflows + "?shape=flat", as: "admin").json == written.json)
            let full = try await client.call(.get, Self.workflows, as: "admin").json["workflows"]
            #expect(full?.arrayValue?.map { $0["workflowKey"] } == ["default", "other"], "the others stay")
            let steps = try #require(full?[0]?["steps"]?.arrayValue)
            #expect(steps.map { $0["stepOrder"] } == [10, 20, 30] && steps.map { $0["enabled"] } == [true, false, true])
            #expect(try await client.call(.get, APIBench.engine + "/assignment-rules", as: "admin").json["rules"]?.arrayValue?.count == 1)

            // What the flat form has no words for is not lost by it.
            let id = try #require(steps[0]["id"]?.stringValue)
            let workflowID = try #require(full?[0]?["id"]?.stringValue)
            let recipients: JSONValue = ["recipientConfig": ["customEmails": ["x@y.example"]]]
            #expect(try await client.call(.patch, "\(Self.workflows)/\(workflowID)/steps/\(id)", as: "admin", recipients).status == 200)
            _ = try await client.call(.put, Self.workflows, as: "admin", flat)
            let kept = try await client.call(.get, Self.workflows, as: "admin").json["workflows"]?[0]?["steps"]?[0]
            #expect(kept?["id"]?.stringValue == id && kept?["recipientConfig"]?["customEmails"] == ["x@y.example"])

            // Nor where the places of steps are not those that the flat form counts.
            let moved: JSONValue = ["stepOrder": 1000]
            #expect(try await client.call(.patch, "\(Self.workflows)/\(workflowID)/steps/\(id)", as: "admin", moved).status == 200)
            let asRead = try await client.call(.get, Self.workflows + "?shape=flat", as: "admin").json
            #expect(try await client.call(.put, Self.workflows, as: "admin", asRead).status == 200)
            let after = try await client.call(.get, Self.workflows, as: "admin").json["workflows"]?[0]?["steps"]?.arrayValue
            let same = after?.first { $0["id"]?.stringValue == id }
            #expect(same?["recipientConfig"]?["customEmails"] == ["x@y.example"] && after?.count == 3)

            let faulty: JSONValue = [
                "workflows": [
                    ["trigger": "quote_sent", "channel": "email", "leadSource": "web"],
                    ["trigger": "quote_sent", "channel": "fax", "delayMinutes": -1],
                ]
            ]
            #expect(
                try await client.call(.put, Self.workflows, as: "admin", faulty).faults == [
                    "workflows[0].leadSource", "workflows[1].channel", "workflows[1].delayMinutes",
                ])
            #expect(try await client.call(.get, Self.workflows + "?shape=round", as: "admin").faults == ["shape"])
        }
    }

    @Test func theDefaultsAreGivenToWhoHasNone() async throws {
        try await APIBench.with { bench, client async throws in
            let refused = try await client.call(.post, Self.workflows + "/seed", as: "admin")
            #expect(refused.status == 409 && refused.code == "conflict")
            let id = try #require(try await client.call(.get, Self.workflows, as: "admin").json["workflows"]?[0]?["id"]?.stringValue)
            _ = try await client.call(.delete, "\(Self.workflows)/\(id)", as: "admin")
            let seeded = try await client.call(.post, Self.workflows + "/seed", as: "admin")
            #expect(seeded.status == 201 && seeded.json["workflows"]?[0]?["workflowKey"] == "default")
            let rules = try await client.call(.get, APIBench.engine + "/assignment-rules", as: "admin").json["rules"]
            #expect(rules?.arrayValue?.count == 1 && rules?[0]?["priority"] == 1_000_000)
        }
    }
}
