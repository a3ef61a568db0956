import AdapterKit
import ArgumentParser
import CurlTransport
import Foundation

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Tells why something was sent, or was not.")

    enum Subject: String, ExpressibleByArgument, CaseIterable {
        case delivery, event, quote, lead

        var path: String { self == .delivery ? "deliveries" : rawValue + "s" }
    }

    @Argument(help: "delivery, event, quote or lead.") var subject: Subject
    @Argument(help: "Its id.") var id: String
    @Option(help: "The gateway's address; else GATEWAYD_URL.") var url: String?
    @Option(help: "A token; else GATEWAYD_TOKEN.") var token: String?
    @Flag(help: "The whole answer, for programs.") var json = false

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let base = url ?? environment["GATEWAYD_URL"], let token = token ?? environment["GATEWAYD_TOKEN"] else {
            printError("gatewayd: --url and --token, or GATEWAYD_URL and GATEWAYD_TOKEN, are needed")
            throw ExitCode.refused
        }
        guard let encoded = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-_."))) else {
            throw ValidationError("the id cannot be part of an address")
        }
        let client = APIClient(base: base, token: token)
        let answer = try await client.get("/api/v1/\(subject.path)/\(encoded)/explain")
        await client.close()
        if json { return print(answer.text) }
        print(answer["summary"]?.stringValue ?? "")
        for item in answer["counterfactuals"]?.arrayValue ?? [] {
            print("  If \(item["change"]?.stringValue ?? ""), \(item["outcome"]?.stringValue ?? "").")
        }
    }
}
