import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// Who gets in, and how refusals read.
@Suite struct AccessTests {
    @Test func everyRoleIsHeldToTheTable() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            for operation in Operation.allCases {
                guard case .roles(let allowed) = operation.row.access, operation != .streamDeliveries else { continue }
                let names = ["{quoteId}", "{leadId}", "{eventId}", "{deliveryId}", "{suppressionId}"]
                let path = names.reduce(operation.row.path) { $0.replacing($1, with: "018f0000-0000-7000-8000-000000000000") }
                let body: JSONValue? = operation.row.method == .get || operation.row.method == .delete ? nil : .object([:])
                #expect(try await client.call(operation.row.method, path, body).code == "unauthenticated", "\(operation)")
                #expect(try await client.call(operation.row.method, path, as: "nobody", body).status == 401, "\(operation)")
                for role in Role.allCases {
                    let answer = try await client.call(operation.row.method, path, as: role.rawValue, body)
                    #expect((answer.status == 403) != allowed.contains(role), "\(operation) as \(role): \(answer.status)")
                    #expect(answer.status < 500, "\(operation) as \(role): \(answer.status)")
                }
            }
        }
    }

    @Test func refusalsHaveACodeAndTheCallersRequestID() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            let unknown = try await client.call(.get, "/nowhere", headers: [.requestID: "abc-1"])
            #expect(unknown.status == 404 && unknown.code == "not_found")
            #expect(unknown.json["requestId"] == "abc-1")
            #expect(unknown.headers[.requestID] == "abc-1")
            let wrong = try await client.call(.delete, "/api/v1/deliveries", as: "admin")
            #expect(wrong.status == 405 && wrong.code == "method_not_allowed")
            #expect(wrong.headers[.allow] == "GET")
            let typed = try await client.call(.post, "/api/v1/messages", as: "sender", .object([:]), headers: [.contentType: "text/plain"])
            #expect(typed.status == 415)
            let large = try await client.call(
                .put, "/api/v1/admin/organizations/me/workflow-engine/workflows", as: "admin", .string(String(repeating: "x", count: 1_048_577)))
            #expect(large.status == 413 && large.code == "payload_too_large")
            let injected = try await client.call(.get, "/healthz", headers: [.requestID: "a b"])
            #expect(injected.headers[.requestID] != "a b" && injected.status == 200)
        }
    }

    @Test func aRevokedKeyAndAStoreThatIsGoneAreTold() async throws {
        let bench = try await APIBench()
        let keys = try await bench.store.keys()
        let viewer = try #require(keys.first { $0.role == .viewer })
        #expect(try await bench.store.revokeKey(viewer.id, at: bench.clock.now, audit: nil))
        try await bench.run { client async throws in
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "viewer").status == 401)
            #expect(try await client.call(.get, "/readyz").status == 200)
            await bench.store.close()
            let gone = try await client.call(.get, "/api/v1/deliveries", as: "admin")
            #expect(gone.status == 503 && gone.code == "store_unavailable")
            #expect(try await client.call(.get, "/readyz").status == 503)
            #expect(try await client.call(.get, "/healthz").status == 200)
        }
    }

    @Test func figuresAreForOperatorsOrThisMachine() async throws {
        let bench = try await APIBench()
        try await bench.run { client async throws in
            // Without a connection there is no peer, so nobody is local here.
            #expect(try await client.call(.get, "/metrics").status == 401)
            #expect(try await client.call(.get, "/metrics", as: "admin").status == 403)
            #expect(try await client.call(.get, "/metrics", as: "operator").status == 200)
        }
    }
}
