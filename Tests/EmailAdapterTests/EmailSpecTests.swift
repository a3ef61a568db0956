import AdapterContract
import AdapterKit
import Foundation
import Testing

@testable import EmailAdapter

/// What `adapter-specs/email` says is what the adapter does.
@Suite struct EmailSpecTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .appendingPathComponent("adapter-specs").path

    private static func cases() throws -> [GoldenCase] { try GoldenCase.load(from: folder).filter { $0.channel == .email } }

    private static func spec() throws -> JSONValue {
        try YAMLText.parse(String(contentsOfFile: folder + "/email/spec.yaml", encoding: .utf8))
    }

    @Test func thereAreCasesOfEveryOutcome() throws {
        let kinds = Set(
            try Self.cases().compactMap { example in
                if case .exchange(_, let outcome) = example.check { outcome.kind } else { nil }
            })
        #expect(kinds == Set(ExpectedOutcome.Kind.allCases))
    }

    @Test(arguments: try cases()) func holds(_ example: GoldenCase) async {
        #expect(await example.run(adapter: [EmailAdapter.self]) == [])
    }

    @Test func errorsMeanWhatTheSpecSays() throws {
        let errors = try #require(Self.spec()["errors"]?.arrayValue)
        #expect(errors.count >= 30)
        for error in errors {
            let parts = try #require(error["reply"]?.stringValue).split(separator: " ")
            let reply = SMTPReply(code: try #require(Int(parts[0])), enhanced: parts.count > 1 ? SMTPReply.EnhancedCode(parts[1]) : nil)
            let phase = try #require(error["phase"]?.stringValue.flatMap(MailPhase.init))
            let expected = ["outcome", "class", "of"].compactMap { error[$0]?.stringValue }.joined(separator: " ")
            // Waits are not part of the spec's table.
            let shown = SMTPReplyTableTests.show(SMTPReplyTable.outcome(of: reply, in: phase)).split(separator: " ").filter {
                Int($0) == nil
            }
            #expect(shown.joined(separator: " ") == expected, "\(error.text)")
        }
    }

    @Test func settingsAndLimitsAreTheDescriptors() throws {
        let spec = try Self.spec()
        let descriptor = EmailAdapter.descriptor
        let settings = try #require(spec["settings"]?.arrayValue)
        #expect(settings.map { $0["key"]?.stringValue } == descriptor.settings.map(\.key))
        for (written, field) in zip(settings, descriptor.settings) {
            #expect(written["doc"]?.stringValue == field.doc)
            #expect((written["required"]?.boolValue ?? false) == field.isRequired)
            #expect((written["secret"]?.boolValue ?? false) == field.isSecret)
            #expect(written["default"] == field.defaultValue)
        }
        #expect(spec["limits"]?["messageBytes"]?.intValue == Int64(MailContentRules.maximumSize))
        #expect(spec["limits"]?["concurrency"]?.intValue == Int64(descriptor.concurrency))
        #expect(spec["limits"]?["perEndpoint"]?.intValue == Int64(descriptor.perEndpoint))
        #expect(spec["limits"]?["attemptTimeout"]?.stringValue.flatMap { Duration(configuration: $0) } == descriptor.attemptTimeout)
        #expect(spec["idempotency"]?["lostAnswer"]?.stringValue == descriptor.lostAnswer.rawValue)
        #expect(spec["idempotency"]?["quietTime"]?.stringValue.flatMap { Duration(configuration: $0) } == descriptor.quietTime)
    }
}
