import AdapterKit
import HTTPTypes
import Signing
import Testing

/// Calls as the WhatsApp provider makes them.
enum CallbackExamples {
    /// News of a message that we never sent.
    static let delivered = Array(
        """
        {"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp",
        "metadata":{"phone_number_id":"1"},"statuses":[{"id":"wamid.x","status":"delivered","timestamp":"1772355600","recipient_id":"31612345678"}]}}]}]}
        """.utf8)

    static func post(_ body: [UInt8], _ client: Client, key: String = "s") async throws -> Client.Answer {
        var headers: HTTPFields = [.contentType: "application/json"]
        if let name = HTTPField.Name("X-Hub-Signature-256") {
            headers[name] = "sha256=" + Hex.encode(HMACSHA256.code(for: body, key: Array(key.utf8)))
        }
        return try await client.call(.post, "/api/v1/callbacks/whatsapp/default", bytes: body, headers: headers)
    }
}
