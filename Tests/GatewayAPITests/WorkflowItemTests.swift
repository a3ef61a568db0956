import AdapterKit
import GatewayModel
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Workflows and their steps, one by one.
@Suite(.timeLimit(.minutes(1))) struct WorkflowItemTests {
    private static let workflows = APIBench.engine + "/workflows"

    @Test func workflowsAreMadeChangedAndRemovedOneByOne() async throws {
        try await APIBench.with { bench, client async throws in
            let made = try await client.call(.post, Self.workflows, as: "admin", WorkflowExamples.everything)
            #expect(made.status == 201 && WorkflowExamples.withoutStamps(made.json) == WorkflowExamples.everything)
            let path = "\(Self.workflows)/\(try #require(made.json["id"]?.stringValue))"
            #expect(try await client.call(.get, path, as: "viewer").json == made.json)
            #expect(try await client.call(.post, Self.workflows, as: "admin", WorkflowExamples.everything).faults == ["workflowKey"])
            #expect(
                try await client.call(.post, Self.workflows, as: "admin", ["name": "", "steps": []]).faults == [
                    "workflowKey", "name", "steps",
                ])

            let changed = try await client.call(.patch, path, as: "admin", ["enabled": true, "description": nil])
            #expect(changed.status == 200 && changed.json["enabled"] == true && changed.json["description"] == nil)
            #expect(changed.json["steps"] == made.json["steps"] && changed.json["id"] == made.json["id"])
            #expect(try await client.call(.patch, path, as: "admin", ["workflowKey": "default"]).faults == ["workflowKey"])
            #expect(try await client.call(.patch, path, as: "admin", ["id": .string(APIBench.nobody)]).faults == ["id"])
            #expect(try await client.call(.patch, path, as: "admin", [1]).faults == ["$"])

            for (method, body) in [(.get, nil), (.patch, [:]), (.delete, nil)] as [(Method, JSONValue?)] {
                #expect(try await client.call(method, "\(Self.workflows)/\(APIBench.nobody)", as: "admin", body).status == 404)
                #expect(try await client.call(method, path, as: "other", body).status == 404, "another organization's")
                #expect(try await client.call(method, "\(Self.workflows)/x", as: "admin", body).status == 404)
            }
            #expect(try await client.call(.delete, path, as: "admin").status == 204)
            #expect(try await client.call(.get, path, as: "admin").status == 404)
            let actions = try await client.call(.get, "/api/v1/audit", as: "admin").json["entries"]?.arrayValue?.map { $0["action"] }
            #expect(actions == ["workflows.delete", "workflows.update", "workflows.create"])
        }
    }

    @Test func stepsAreMadeChangedAndRemovedOneByOne() async throws {
        try await APIBench.with { bench, client async throws in
            let workflow = try await client.call(.post, Self.workflows, as: "admin", WorkflowExamples.workflow("w"))
            let steps = "\(Self.workflows)/\(try #require(workflow.json["id"]?.stringValue))/steps"
            let made = try await client.call(
                .post, steps, as: "admin", ["trigger": "quote_sent", "channel": "email", "templateSubject": "S", "templateBody": "B"])
            #expect(made.status == 201 && made.json["stepOrder"] == 20 && made.json["enabled"] == true)
            #expect(try await client.call(.post, steps, as: "admin", WorkflowExamples.step()).faults == ["stepOrder"])
            #expect(
                try await client.call(.post, steps, as: "admin", WorkflowExamples.step(["stepOrder": 30, "id": made.json["id"] ?? .null]))
                    .faults == [
                        "id"
                    ])
            #expect(try await client.call(.post, steps, as: "admin", ["channel": "fax"]).faults == ["trigger", "channel"])
            let step = "\(steps)/\(try #require(made.json["id"]?.stringValue))"
            let changed = try await client.call(.patch, step, as: "admin", ["enabled": false, "delayMinutes": 5])
            #expect(changed.status == 200 && changed.json == made.json.merging(["enabled": false, "delayMinutes": 5]))
            #expect(try await client.call(.patch, step, as: "admin", ["stepOrder": 10]).faults == ["stepOrder"])
            #expect(try await client.call(.patch, "\(steps)/\(APIBench.nobody)", as: "admin", [:]).status == 404)
            #expect(try await client.call(.delete, "\(steps)/\(APIBench.nobody)", as: "admin").status == 404)
            #expect(try await client.call(.delete, step, as: "admin").status == 204)
            let first = "\(steps)/\(try #require(workflow.json["steps"]?[0]?["id"]?.stringValue))"
            let last = try await client.call(.delete, first, as: "admin")
            #expect(last.status == 409 && last.code == "conflict", "a workflow keeps a step")
        }
    }
}
