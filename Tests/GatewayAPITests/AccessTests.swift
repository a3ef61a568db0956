import AdapterKit
import GatewayCore
import GatewayModel
import GatewayTestKit
import HTTPTypes
import QuoteBridge
import Testing

@testable import GatewayAPI

/// Who gets in, and how refusals read.
@Suite(.timeLimit(.minutes(2))) struct AccessTests {
    @Test("case 67: no token 401, a wrong role 403, by the roles of the document") func everyRoleIsHeldToTheDocument() async throws {
        try await APIBench.with { bench, client async throws in
            for operation in Operation.allCases {
                guard case .roles = operation.row.access else { continue }
                let said = try #require(APIDocument.shared.operation(operation.row.method, operation.row.path))
                let roles = Set(try #require(said["x-role"]?.arrayValue).compactMap(\.stringValue))
                let path = operation.exampleAddress
                let body: JSONValue? = operation.row.body == .none ? nil : .object([:])
                #expect(try await client.call(operation.row.method, path, body).code == "unauthenticated", "\(operation)")
                #expect(try await client.call(operation.row.method, path, as: "nobody", body).status == 401, "\(operation)")
                for role in Role.allCases {
                    // A stream that lets somebody in does not end by itself.
                    if operation == .streamDeliveries, roles.contains(role.rawValue) { continue }
                    let answer = try await client.call(operation.row.method, path, as: role.rawValue, body)
                    #expect((answer.status == 403) != roles.contains(role.rawValue), "\(operation) as \(role): \(answer.status)")
                    #expect(answer.status != 401 && answer.status < 500, "\(operation) as \(role): \(answer.status)")
                }
            }
        }
    }

    @Test func refusalsHaveACodeAndTheCallersRequestID() async throws {
        try await APIBench.with { bench, client async throws in
            let unknown = try await client.call(.get, "/nowhere", headers: [.requestID: "abc-1"])
            #expect(unknown.status == 404 && unknown.code == "not_found")
            #expect(unknown.json["requestId"] == "abc-1" && unknown.headers[.requestID] == "abc-1")
            let wrong = try await client.call(.delete, "/api/v1/deliveries", as: "admin")
            #expect(wrong.status == 405 && wrong.code == "method_not_allowed" && wrong.headers[.allow] == "GET")
            let typed = try await client.call(.post, "/api/v1/messages", as: "sender", .object([:]), headers: [.contentType: "text/plain"])
            #expect(typed.status == 415 && typed.code == "unsupported_media_type")
            let charset = try await client.call(
                .post, "/api/v1/messages", as: "sender", APIBench.mail, headers: [.contentType: "Application/JSON; charset=utf-8"])
            #expect(charset.status == 202)
            let large = try await client.call(
                .put, APIBench.engine + "/workflows", as: "admin", .string(String(repeating: "x", count: 1_048_577)))
            #expect(large.status == 413 && large.code == "payload_too_large")
            for injected in ["a b", String(repeating: "x", count: 129), "a\"b"] {
                let answer = try await client.call(.get, "/healthz", headers: [.requestID: injected])
                #expect(answer.status == 200 && answer.headers[.requestID] != injected && answer.headers[.requestID]?.isEmpty == false)
            }
        }
    }

    @Test func aRevokedKeyAndAStoreThatIsGoneAreTold() async throws {
        try await APIBench.with { bench, client async throws in
            let viewer = try #require(try await bench.store.keys().first { $0.role == .viewer })
            #expect(try await bench.store.revokeKey(viewer.id, at: bench.clock.now, audit: nil))
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "viewer").status == 401)
            #expect(try await client.call(.get, "/readyz").status == 200)
            await bench.store.close()
            let gone = try await client.call(.get, "/api/v1/deliveries", as: "admin")
            #expect(gone.status == 503 && gone.code == "store_unavailable" && gone.headers[.retryAfter] != nil)
            let unready = try await client.call(.get, "/readyz")
            #expect(unready.status == 503 && unready.json["detail"] == ["the store is unavailable"])
            #expect(try await client.call(.get, "/healthz").status == 200)
        }
    }

    @Test("case 67: whatever breaks inside, no word of it gets out") func nothingOfTheDriverIsTold() async throws {
        try await APIBench.with { bench, client async throws in
            try await bench.script("ALTER TABLE deliveries RENAME TO lost")
            for path in ["/api/v1/deliveries", "/api/v1/outbox/health"] {
                let (status, text) = try await client.raw(path, as: "admin")
                #expect(status == 500 && text.contains("\"internal\""))
                for word in ["SQL", "deliveries", "no such table", "StoreError"] { #expect(!text.contains(word), "\(text)") }
            }
        }
    }

    @Test func figuresAreForOperatorsOrThisMachine() async throws {
        try await APIBench.with { bench, client async throws in
            // Without a connection there is no peer, so nobody is local here.
            #expect(try await client.call(.get, "/metrics").status == 401)
            #expect(try await client.call(.get, "/metrics", as: "admin").status == 403)
            let figures = try await client.call(.get, "/metrics", as: "operator")
            #expect(figures.status == 200)
            for line in [
                "gateway_unaccounted_deliveries 0", "gateway_deliveries{channel=\"email\",state=\"pending\"} 0",
                "gateway_quote_actions_total{action=\"send\",result=\"ok\"} 0",
            ] { #expect(figures.text.contains(line + "\n")) }
        }
    }

    @Test func readinessSaysWhyItIsLess() async throws {
        try await APIBench.with { bench, client async throws in
            let good = try await client.call(.get, "/readyz").json
            #expect(good["status"] == "ok" && good["detail"] == nil)
            bench.services.observer.observe(.accountPaused(.email, DeliveryFailure(.authentication, code: "535", "for a@b.example")))
            let paused = try await client.call(.get, "/readyz")
            #expect(paused.status == 200 && paused.json["status"] == "degraded")
            #expect(paused.json["detail"] == ["the account of channel email is paused: authentication"])
            bench.services.observer.observe(.accountResumed(.email))
            try await bench.script("DELETE FROM schema_migrations WHERE number = 90")
            let behind = try await client.call(.get, "/readyz").json
            #expect(behind["status"] == "degraded" && behind["detail"] == ["a migration is pending"])
        }
    }

    @Test func whatWasSealedWithAnotherKeyringIsAClearFault() {
        let refusal = APIError(BridgeError.sealed(.unknownKey))
        #expect(refusal.code == .storeUnavailable && refusal.message.contains("keyring") && refusal.headers[.retryAfter] != nil)
        #expect(
            APIError.words(forLog: BridgeError.sealed(.unknownKey))
                == "what was sealed earlier cannot be opened: the keyring lacks the key that it was sealed with")
        #expect(APIError.words(forLog: BridgeError.store(.corrupt(what: "quote"))) == "a stored quote cannot be read")
        #expect(APIError.words(forLog: BridgeError.store(.unavailable)) == nil, "the store tells of that itself")
        struct Secret: Error { var text = "geheim" }
        #expect(APIError.words(forLog: Secret()) == "Secret")
    }

    @Test func aCallerIsHeldToSoManyCallsASecond() async throws {
        var configuration = APIConfiguration()
        configuration.limits.requestsPerSecond = 3
        try await APIBench.with(configuration) { bench, client async throws in
            for _ in 0..<3 { #expect(try await client.call(.get, "/api/v1/deliveries", as: "viewer").status == 200) }
            let limited = try await client.call(.get, "/api/v1/deliveries", as: "viewer")
            #expect(limited.status == 429 && limited.code == "rate_limited" && limited.headers[.retryAfter] == "1")
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "admin").status == 200, "another key has its own share")
            #expect(try await client.call(.get, "/readyz").status == 200)
            bench.clock.advance(by: .seconds(1))
            #expect(try await client.call(.get, "/api/v1/deliveries", as: "viewer").status == 200)
        }
    }

    @Test func operatorsNameTheOrganizationTheyWorkIn() async throws {
        try await APIBench.with { bench, client async throws in
            let sent = try await client.call(.post, "/api/v1/messages", as: "sender", APIBench.mail)
            let id = try #require(sent.json["deliveries"]?[0]?["id"]?.stringValue)
            let bare = try await client.call(.post, "/api/v1/deliveries/\(id)/cancel", as: "operator")
            #expect(bare.status == 400 && bare.faults == ["organization"])
            let foreign = try await client.call(.post, "/api/v1/deliveries/\(id)/cancel?organization=\(bench.otherID)", as: "operator")
            #expect(foreign.status == 404)
            let named = try await client.call(.post, "/api/v1/deliveries/\(id)/cancel?organization=\(bench.organizationID)", as: "operator")
            #expect(named.status == 200 && named.json["status"] == "cancelled")
            #expect(try await client.call(.get, "/api/v1/deliveries?organization=x", as: "operator").faults == ["organization"])
            #expect(try await client.call(.get, "/api/v1/deliveries?organization=\(bench.otherID)", as: "admin").status == 404)
            #expect(try await client.call(.get, APIBench.engine + "/workflows", as: "operator").faults == ["organization"])
        }
    }

    @Test func aSignedTokenActsForAnOrganizationThatIsKnown() async throws {
        let secret = Secret("a secret that is long enough for its digest")
        let configuration = APIConfiguration(jwt: JWTConfiguration(keys: .hs256(secret)))
        try await APIBench.with(configuration) { bench, client async throws in
            func token(_ organizationID: OrganizationID, _ roles: JSONValue) async throws -> String {
                try await SignedTokens.hs256(
                    secret,
                    [
                        "sub": "u1", "org": .string(organizationID.description), "roles": roles,
                        "exp": .int(bench.clock.now.secondsSinceEpoch + 60),
                    ])
            }
            let admin = try await token(bench.organizationID, ["admin"])
            #expect(try await client.call(.post, "/api/v1/messages", as: admin, APIBench.mail).status == 202)
            #expect(try await client.call(.get, "/api/v1/deliveries", as: try await token(bench.organizationID, [])).status == 403)
            #expect(
                try await client.call(.get, "/api/v1/deliveries", as: try await token(bench.organizationID, ["operator"])).status == 403)
            let stranger = try await client.call(.get, "/api/v1/deliveries", as: try await token(.make(), ["admin"]))
            #expect(stranger.status == 403 && stranger.code == "forbidden")
            bench.clock.advance(by: .seconds(200))
            #expect(try await client.call(.get, "/api/v1/deliveries", as: admin).status == 401)
        }
    }

    @Test func aNodeThatServesNoCallsAnswersProbes() async throws {
        try await APIBench.with(APIConfiguration(servesCalls: false)) { _, client async throws in
            #expect(try await client.call(.get, "/healthz").status == 200)
            #expect(try await client.call(.get, "/readyz").status == 200)
            #expect(try await client.call(.get, "/metrics").status == 401)
            for path in ["/api/v1/deliveries", "/console", "/openapi.yaml"] {
                #expect(try await client.raw(path, as: "admin").status == 404, "\(path)")
            }
        }
    }
}

extension Operation {
    /// The call's path with ids that name nothing in place of its captures.
    var exampleAddress: String {
        row.path.split(separator: "/").map { part in
            guard part.hasPrefix("{") else { return "/" + part }
            switch part {
            case "{channel}": return "/whatsapp"
            case "{account}": return "/default"
            default: return "/" + APIBench.nobody
            }
        }.joined()
    }
}
