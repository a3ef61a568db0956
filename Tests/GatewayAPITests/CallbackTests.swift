import AdapterKit
import GatewayModel
import GatewayTestKit
import HTTPTypes
import Testing

@testable import GatewayAPI

/// What providers call back with.
@Suite(.timeLimit(.minutes(1))) struct CallbackTests {
    private static let path = "/api/v1/callbacks/whatsapp/default"

    @Test func theAddressIsVerifiedByItsWord() async throws {
        try await APIBench.with { _, client async throws in
            let good = try await client.call(.get, Self.path + "?hub.mode=subscribe&hub.verify_token=v&hub.challenge=1158201444")
            #expect(good.status == 200 && good.text == "1158201444")
            let bad = try await client.call(.get, Self.path + "?hub.mode=subscribe&hub.verify_token=w&hub.challenge=1")
            #expect(bad.status == 403 && bad.code == "forbidden")
            for path in [
                "/api/v1/callbacks/email/default", "/api/v1/callbacks/fax/default", "/api/v1/callbacks/whatsapp/\(APIBench.nobody)",
            ] {
                #expect(try await client.call(.get, path).status == 404)
                #expect(try await client.call(.post, path, [:]).status == 404)
            }
        }
    }

    @Test func onlyWhatIsSignedIsTaken() async throws {
        try await APIBench.with { bench, client async throws in
            #expect(try await CallbackExamples.post(CallbackExamples.delivered, client).status == 200)
            let forged = try await CallbackExamples.post(CallbackExamples.delivered, client, key: "x")
            #expect(forged.status == 401 && forged.code == "unauthenticated")
            #expect(try await client.call(.post, Self.path, bytes: CallbackExamples.delivered).status == 401)
            #expect(try await CallbackExamples.post(Array("{".utf8), client).status == 400)
            #expect(try await client.call(.post, Self.path, bytes: [UInt8](repeating: 32, count: 1_048_577)).status == 413)
        }
    }
}
