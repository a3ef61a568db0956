import AdapterContract
import AdapterKit
import Foundation
import Testing

@Suite("The contract of adapters")
struct ContractTests {
    @Test(.timeLimit(.minutes(1)), arguments: InstalledChannels.names, ContractRule.allCases)
    func isKept(_ channel: String, _ rule: ContractRule) async throws {
        let violations = await (try InstalledChannels.contract(channel)).violations(of: rule)
        #expect(violations.isEmpty, "\(channel) \(rule.rawValue)")
    }

    @Test func isWrittenDownRuleByRule() throws {
        let text = try String(contentsOfFile: InstalledChannels.specs + "/CONTRACT.md", encoding: .utf8)
        let named = text.split(separator: "\n").compactMap { line in
            line.firstMatch(of: /^\d+\. \*\*([a-z-]+)\*\*/).map { String($0.1) }
        }
        #expect(named == ContractRule.allCases.map(\.rawValue))
    }
}
