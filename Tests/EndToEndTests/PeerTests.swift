import AdapterKit
import Foundation
import ProviderSimulators
import Testing
import WireTestKit

/// Mail, webhooks and WhatsApp requests, judged by software that nobody here wrote.
@Suite(.serialized)
struct PeerTests {
    /// A daemon that sends through a mail server of Python's; both end with the test.
    private func withMailPeer(
        _ arguments: [String] = [], settings: String = "security: none", _ body: (Daemon, PythonPeer) async throws -> Void
    ) async throws {
        let peer = try PythonPeer("smtp_peer.py", arguments)
        let port = try await peer.answer(containing: "\"port\"")["port"]?.intValue ?? 0
        let daemon = try await Daemon(
            channels: "email: { host: localhost, port: \(port), \(settings), from: \"Café Ünïcode <hallo@voorbeeld.example>\" }")
        do { try await body(daemon, peer) } catch {
            _ = await daemon.stop()
            peer.process.closeInput()
            throw error
        }
        _ = await daemon.stop()
        peer.process.closeInput()
        _ = await peer.process.result()
    }

    private func send(_ content: JSONValue, to recipient: String = "Ontvanger@klant.example", _ daemon: Daemon) async throws -> String {
        let sent = try await daemon.call("POST", "/api/v1/messages", ["channel": "email", "to": .string(recipient), "content": content])
        #expect(sent.status == 202)
        return sent.json.deliveryIDs.first ?? ""
    }

    @Test func aMailArrivesByteRightAtAnotherServer() async throws {
        let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let text = [
            "Regel één", ".punt", "..", ".", "", "From: niemand", String(repeating: "lang ", count: 400) + "einde",
            String(repeating: "x", count: 5000),
            "blank aan het eind \t", "€ 1.250,00 🎉 =3D =?UTF-8?Q?x?=", "--=_grens",
        ].joined(separator: "\n")
        let html = "<p>Hallo <b>één</b></p>\n<p>.</p>\n.\n" + String(repeating: "é", count: 3000)
        let files: [(name: String, type: String, bytes: [UInt8])] = [
            ("öfferte \"2026\".pdf", "application/pdf", bytes), ("leeg.txt", "text/plain", []),
            (String(repeating: "naam-", count: 30) + ".csv", "text/csv; charset=utf-8", Array("a;b\r\n.\r\n".utf8)),
        ]
        try await withMailPeer { daemon, peer in
            let subject = "Offerte – één & twee " + String(repeating: "ü", count: 60)
            let id = try await send(
                [
                    "subject": .string(subject), "text": .string(text), "html": .string(html),
                    "attachments": .array(
                        files.map {
                            [
                                "filename": .string($0.name), "contentType": .string($0.type),
                                "contentBase64": .string(Base64.encode($0.bytes)),
                            ]
                        }),
                    "headers": ["X-Kenmerk": "één", "Reply-To": "Zoë <zoe@voorbeeld.example>"],
                ], daemon)
            let wire = try await peer.answer(containing: "\"data_base64\"")
            #expect(wire.text("sender") == "hallo@voorbeeld.example")
            #expect(wire["recipients"] == ["ontvanger@klant.example"])
            let data = try #require(Base64.decode(wire.text("data_base64")))
            #expect(data.allSatisfy { $0 < 0x80 && $0 != 0 })
            let lines = data.split(separator: 0x0A, omittingEmptySubsequences: false)
            #expect(lines.allSatisfy { $0.count <= 78 })
            #expect(lines.dropLast().allSatisfy { $0.last == 0x0D })

            let mail = try await peer.answer(containing: "\"attachments\"")
            // A name is given once in full and once in ASCII, for readers that know no RFC 2231; Python reads it rightly and remarks on it.
            let defects = (mail["defects"]?.arrayValue ?? []).compactMap(\.stringValue)
            #expect(defects.allSatisfy { $0.contains("duplicate parameter name") }, "\(defects)")
            #expect(mail.text("message_id") == "<\(id)@voorbeeld.example>")
            #expect(mail.text("subject") == subject)
            #expect(mail.text("from") == "Café Ünïcode <hallo@voorbeeld.example>")
            #expect(mail.text("text").replacing("\r\n", with: "\n") == text)
            #expect(mail.text("html").replacing("\r\n", with: "\n") == html)
            let attachments = mail["attachments"]?.arrayValue ?? []
            #expect(attachments.map { $0.text("filename") } == files.map(\.name))
            #expect(attachments.map { Base64.decode($0.text("base64")) } == files.map(\.bytes))
        }
    }

    @Test func aMailOfHTMLAloneHasATextBesideIt() async throws {
        try await withMailPeer { daemon, peer in
            _ = try await send(
                ["subject": "Offerte", "html": "<p>Beste Zoë,</p><p>Zie <a href=\"https://e.nl/q?a=1&amp;b=2\">de offerte</a>.</p>"], daemon
            )
            let mail = try await peer.answer(containing: "\"attachments\"")
            #expect(mail["defects"] == [])
            #expect(mail.text("text").replacing("\r\n", with: "\n") == "Beste Zoë,\n\nZie de offerte (https://e.nl/q?a=1&b=2).")
        }
    }

    @Test func anAddressInAnotherScriptArrives() async throws {
        try await withMailPeer { daemon, peer in
            _ = try await send(["subject": "Offerte", "text": "Hallo"], to: "用户@例え.example", daemon)
            let wire = try await peer.answer(containing: "\"data_base64\"")
            #expect(wire["recipients"] == ["用户@例え.example"])
        }
    }

    @Test func aSignedMailVerifiesWithKeysOfBothKinds() async throws {
        let contents: [JSONValue] = [
            [
                "subject": "Offerte – één", "text": "Regel  één \n.punt\n\n\n", "html": "<p>Hallo</p>",
                "headers": ["List-Id": "<l.voorbeeld.example>", "Reply-To": "Zoë <zoe@voorbeeld.example>"],
            ],
            ["subject": "x", "text": ""],
            ["subject": .string(String(repeating: "lang woord ", count: 30)), "text": .string(String(repeating: "é ", count: 2000))],
        ]
        try await SigningKeys.with { keys in
            try await withMailPeer(settings: "security: none, \(keys.setting(domain: "voorbeeld.example"))") { daemon, peer in
                let verifier = try PythonPeer("verify_dkim.py")
                let records = try keys.records(domain: "voorbeeld.example")
                for (index, content) in contents.enumerated() {
                    _ = try await send(content, daemon)
                    let message = try await peer.answer(containing: "\"data_base64\"", number: index + 1)["data_base64"] ?? .null
                    verifier.process.write(JSONValue.object(["message_base64": message, "records": records]).text)
                    let verdict = try await verifier.answer(containing: "\"ok\"", number: index + 1)
                    #expect(verdict == ["ok": true, "signatures": 2, "error": nil])
                }
                verifier.process.closeInput()
                _ = await verifier.process.result()
            }
        }
    }

    @Test func aServerThatInsistsOnTLSGetsTheMailOverTLS() async throws {
        try await TestAuthority.with(names: "DNS:localhost") { authority in
            let certificate = authority.certificate
            let arguments = ["--require-tls", "--certificate", certificate.chainFile, "--key", certificate.keyFile]
            try await withMailPeer(arguments, settings: "security: starttls, caFile: \"\(authority.file)\"") { daemon, peer in
                let id = try await send(["subject": "Offerte", "text": "Hallo"], daemon)
                let mail = try await peer.answer(containing: "\"attachments\"")
                #expect(mail.text("subject") == "Offerte")
                let delivery = try await daemon.delivery(id) { $0.text("status") == "succeeded" }
                #expect(delivery.attempts == ["accepted"])
            }
        }
    }

    @Test func aWebhookVerifiesWithTheReferenceLibrary() async throws {
        try await Gateway.with { gateway in
            _ = try await gateway.message(
                "webhook", to: gateway.providers.webhookURL + "/hook", ["type": "order.paid", "data": ["naam": "Zoë"]])
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
            _ = try await gateway.message(
                "whatsapp", to: "+31612345677",
                [
                    "template": [
                        "name": "offerte_knop", "language": "nl_NL",
                        "components": [
                            ["type": "header", "parameters": [["type": "text", "text": "Zoë 🎉"]]],
                            [
                                "type": "body",
                                "parameters": [["type": "text", "text": "€ 1.250,00"], ["type": "text", "text": "morgen"]],
                            ],
                            ["type": "button", "sub_type": "url", "index": "0", "parameters": [["type": "text", "text": "abc"]]],
                        ],
                    ]
                ])
            try await gateway.providers.whatsapp.waitForCount(3, timeout: .seconds(30))
            let peer = try PythonPeer("verify_whatsapp.py", [schema])
            for message in gateway.providers.whatsapp.received() {
                peer.process.write(message.message.text)
            }
            peer.process.closeInput()
            let (_, output, errors) = await peer.process.result()
            let verdicts = output.split(separator: "\n").compactMap { try? JSONValue(parsing: String($0)) }
            #expect(verdicts.count == 3, "\(errors)")
            #expect(verdicts.allSatisfy { $0["ok"] == true }, "\(output)")
        }
    }
}
