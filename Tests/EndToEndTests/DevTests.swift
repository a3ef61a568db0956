import AdapterKit
import CurlTransport
import Foundation
import Testing

/// Everything in one process, for somebody who has just come.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct DevTests {
    private struct Dev {
        let process: RunningProcess
        let status: JSONValue
        let output: String
    }

    /// Starts it and returns when it has told its story.
    private func start(_ folder: URL, _ words: String...) async throws -> Dev {
        let process = try RunningProcess(Daemon.binary, ["dev", "--port", "0", "--data", folder.path] + words)
        guard await process.outputLine(containing: "Stop with Ctrl-C") != nil else {
            throw Daemon.Failure(description: await process.result().2)
        }
        let bytes = try Data(contentsOf: folder.appending(path: "dev.json"))
        return Dev(process: process, status: try JSONValue(parsing: Array(bytes)), output: "")
    }

    private func get(_ http: CurlTransport, _ url: String, token: String? = nil) async throws -> HTTPReply {
        let headers = token.map { [HTTPHeader("Authorization", "Bearer \($0)")] } ?? []
        let request = HTTPRequest(
            method: "GET", url: url, headers: headers, maximumReplyBytes: 1 << 20, isIdempotent: true, network: .trusted)
        guard case .reply(let reply) = try await http.send(request) else { throw Daemon.Failure(description: "no answer from \(url)") }
        return reply
    }

    @Test func aNewcomerSeesADeliveredQuoteAtOnce() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "dev-\(UUIDBits.version7().text)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let http = CurlTransport(configuration: CurlConfiguration())
        let first = try await start(folder)
        let status = first.status
        let names = [
            "url", "consoleURL", "token", "organizationId", "smtpPort", "whatsappURL", "webhookURL", "whatsappAppSecret",
            "whatsappVerifyToken", "whatsappAccessToken", "whatsappPhoneNumberID", "webhookSecret",
        ]
        #expect(Set(status.objectValue?.keys ?? [:].keys) == Set(names))
        let (url, token) = (status.text("url"), status.text("token"))
        let list = try JSONValue(parsing: try await get(http, url + "/api/v1/deliveries", token: token).body)
        let deliveries = list["deliveries"]?.arrayValue ?? []
        #expect(deliveries.count == 7 && deliveries.allSatisfy { $0.text("status") == "succeeded" })
        #expect(Set(deliveries.map { $0.text("channel") }) == ["email", "whatsapp", "webhook"])

        let console = try await get(http, status.text("consoleURL"))
        #expect(console.status == 200 && console.header("Content-Security-Policy")?.contains("default-src 'none'") == true)
        let page = String(decoding: console.body, as: UTF8.self)
        for asset in ["/console/console.css", "/console/console.js"] {
            #expect(page.contains(asset))
            #expect(try await get(http, url + asset).status == 200)
        }
        for state in ["pending", "scheduled", "processing", "succeeded", "failed", "suppressed", "cancelled", "unknown"] {
            #expect(page.contains("<option>\(state)</option>"), "\(state)")
        }
        let style = String(decoding: try await get(http, url + "/console/console.css").body, as: UTF8.self)
        let narrow = try #require(style.firstRange(of: "@media (max-width"))
        #expect(!style[narrow.lowerBound...].contains("display: none"), "a narrow screen shows every column")
        #expect(!page.contains("<style") && !page.contains("style=") && !page.contains(" onclick"), "the policy forbids what stands inline")
        for file in ["keyring", "token", "dev.json"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(file)")
        }
        kill(first.process.pid, SIGINT)
        #expect(await first.process.result().0 == 0)

        // The next day everything is still there, and the key is the same.
        let second = try await start(folder, "--no-demo")
        #expect(second.status.text("token") == token)
        let again = try JSONValue(parsing: try await get(http, second.status.text("url") + "/api/v1/deliveries", token: token).body)
        #expect(again["deliveries"]?.arrayValue?.count == 7)
        kill(second.process.pid, SIGTERM)
        #expect(await second.process.result().0 == 0)

        // Whoever throws the store away gets a new key with the new store.
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasPrefix("gatewayd.db") {
            try FileManager.default.removeItem(atPath: folder.path + "/" + name)
        }
        let third = try await start(folder, "--no-demo")
        #expect(third.status.text("token") != token)
        #expect(try await get(http, third.status.text("url") + "/api/v1/deliveries", token: third.status.text("token")).status == 200)
        kill(third.process.pid, SIGTERM)
        _ = await third.process.result()
        await http.shutdown()
    }
}
