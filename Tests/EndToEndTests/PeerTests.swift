import AdapterKit
import Foundation
import ProviderSimulators
import Testing

/// Mail, webhooks and WhatsApp requests, judged by software that nobody here wrote.
@Suite(.serialized)
struct PeerTests {
    @Test func aMailArrivesByteRightAtAnotherServer() async throws {
        let peer = try PythonPeer("smtp_peer.py")
        let port = try await peer.answer(containing: "\"port\"")["port"]?.intValue ?? 0
        let daemon = try await Daemon(channels: "email: { host: 127.0.0.1, port: \(port), security: none, from: \"Café Ünïcode <hallo@voorbeeld.example>\" }")
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let text = "Regel één\n.punt\n\(String(repeating: "lang ", count: 400))\n€ 1.250,00 🎉"
        let html = "<p>Hallo <b>één</b></p>"
        let sent = try await daemon.call(
            "POST", "/api/v1/messages",
            [
                "channel": "email", "to": "Ontvanger@klant.example",
                "content": [
                    "subject": .string("Offerte – één & twee " + String(repeating: "ü", count: 60)), "text": .string(text), "html": .string(html),
                    "attachments": [["filename": "öfferte.pdf", "contentType": "application/pdf", "contentBase64": .string(Base64.encode(bytes))]],
                ],
            ])
        #expect(sent.status == 202)
        let mail = try await peer.answer(containing: "\"attachments\"")
        let parsed = mail["parsed"] ?? mail
        #expect(parsed.text("subject") == "Offerte – één & twee " + String(repeating: "ü", count: 60))
        #expect(parsed.text("text").replacing("\r\n", with: "\n").trimmingCharacters(in: .newlines) == text)
        #expect(parsed.text("html").replacing("\r\n", with: "\n").trimmingCharacters(in: .newlines) == html)
        #expect(parsed["attachments"]?[0]?.text("filename") == "öfferte.pdf")
        #expect((parsed["attachments"]?[0]?.text("base64")).flatMap { Base64.decode($0) } == bytes)
        _ = await daemon.stop()
        peer.process.closeInput()
        _ = await peer.process.result()
    }

    @Test func aWebhookVerifiesWithTheReferenceLibrary() async throws {
        try await Gateway.with { gateway in
            _ = try await gateway.message("webhook", to: gateway.providers.webhookURL + "/hook", ["type": "order.paid", "data": ["naam": "Zoë"]])
            try await gateway.providers.webhook.waitForCount(1, timeout: .seconds(30))
            let call = gateway.providers.webhook.received()[0].request
            let peer = try PythonPeer("verify_webhook.py")
            var headers: [String: JSONValue] = [:]
            for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] { headers[name] = JSONValue(call.header(name)) }
            let question: JSONValue = [
                "secret": .string(gateway.providers.webhookSecret.reveal()), "headers": .object(headers),
                "body_base64": .string(Base64.encode(call.body)),
            ]
            peer.process.write(question.text)
            #expect(try await peer.answer(containing: "\"ok\"")["ok"] == true)
            peer.process.closeInput()
            _ = await peer.process.result()
        }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["META_OPENAPI"] != nil))
    func whatsAppRequestsFitThePublishedSchema() async throws {
        let schema = ProcessInfo.processInfo.environment["META_OPENAPI"] ?? ""
        try await Gateway.with { gateway in
            _ = try await gateway.message("whatsapp", to: "+31612345678", ["text": "Hallo"])
            _ = try await gateway.message(
                "whatsapp", to: "+31612345679",
                [
                    "template": [
                        "name": "offerte", "language": "nl",
                        "components": [["type": "body", "parameters": [["type": "text", "text": "2026-001"]]]],
                    ]
                ])
            try await gateway.providers.whatsapp.waitForCount(2, timeout: .seconds(30))
            let peer = try PythonPeer("verify_whatsapp.py", [schema])
            for message in gateway.providers.whatsapp.received() {
                peer.process.write(message.message.text)
            }
            peer.process.closeInput()
            let (_, output, errors) = await peer.process.result()
            let verdicts = output.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) }
            #expect(verdicts.count == 2, "\(errors)")
            #expect(verdicts.allSatisfy { $0["ok"] == true }, "\(output)")
        }
    }
}
