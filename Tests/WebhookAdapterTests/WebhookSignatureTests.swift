import AdapterKit
import Testing

@testable import WebhookAdapter

@Suite("Webhook signatures")
struct WebhookSignatureTests {
    /// The vectors of the Standard Webhooks reference libraries.
    @Test(
        arguments: [
            (
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, #"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
            ),
            (
                "plJ3nmyCDGBKInavdOK15jsl", "msg_loFOjxBNrRLzqYUf", 1_731_705_121, #"{"event_type":"ping","data":{"success":true}}"#,
                "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
            ),
        ] as [(String, String, Int64, String, String)])
    func matchThePublishedOnes(_ key: String, _ id: String, _ seconds: Int64, _ body: String, _ expected: String) throws {
        // The second published key has 18 bytes, fewer than the specification allows for new ones.
        let signature = WebhookSignature(keys: [try #require(Base64.decode(key))])
        let headers = signature.headers(id: id, at: Timestamp(microseconds: seconds * 1_000_000 + 999_999), body: Array(body.utf8))
        #expect(
            headers == [
                HTTPHeader("webhook-id", id), HTTPHeader("webhook-timestamp", String(seconds)), HTTPHeader("webhook-signature", expected),
            ])
    }

    @Test func twoSecretsGiveTwoSignatures() throws {
        let (old, new) = (
            Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Secret("whsec_" + Base64.encode([UInt8](repeating: 7, count: 64)))
        )
        func value(_ secrets: [Secret]) throws -> String {
            try #require(WebhookSignature(secrets: secrets)).headers(id: "a", at: Timestamp(seconds: 1), body: [])[2].value
        }
        #expect(try value([new, old]) == value([new]) + " " + value([old]))
    }

    @Test(arguments: [
        "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_plJ3nmyCDGBKInavdOK15jsl", "whsec_!!!!",
        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ])
    func refuseKeysOfAnotherForm(_ text: String) { #expect(WebhookSignature(secrets: [Secret(text)]) == nil) }

    @Test func refuseKeysOutOfBounds() {
        #expect(WebhookSignature(secrets: [Secret("whsec_" + Base64.encode([UInt8](repeating: 1, count: 23)))]) == nil)
        #expect(WebhookSignature(secrets: [Secret("whsec_" + Base64.encode([UInt8](repeating: 1, count: 65)))]) == nil)
        #expect(WebhookSignature(secrets: []) == nil)
    }
}
