import AdapterContract
import AdapterKit
import EmailAdapter
import Foundation
import WebhookAdapter
import WhatsAppAdapter

/// Every channel that is held to the contract: a new one adds its type here and its folder under `adapter-specs`.
enum InstalledChannels {
    static let types: [any ChannelAdapter.Type] = [EmailAdapter.self, WebhookAdapter.self, WhatsAppAdapter.self]
    static let names = types.map { $0.descriptor.channel.rawValue }

    static let specs = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "adapter-specs").path

    /// The cases, or none when a file cannot be read; `GoldenCaseTests` then says which.
    static let cases = (try? GoldenCase.load(from: specs)) ?? []

    static func type(_ name: String) throws -> any ChannelAdapter.Type {
        guard let type = types.first(where: { $0.descriptor.channel.rawValue == name }) else {
            throw Faults([Fault(name, "is not installed")])
        }
        return type
    }

    static func spec(_ name: String) throws -> JSONValue {
        try YAMLText.parse(String(contentsOfFile: "\(specs)/\(name)/spec.yaml", encoding: .utf8))
    }

    static func contract(_ name: String) throws -> AdapterContract {
        guard let sample = cases.first(where: { $0.channel.rawValue == name && $0.file.hasPrefix("accepted") }) else {
            throw Faults([Fault(name, "has no case whose file begins with accepted")])
        }
        let acceptance = try spec(name)["acceptance"]?.stringValue.flatMap(AdapterContract.Acceptance.init)
        return try AdapterContract(type(name), sample: sample, acceptance: acceptance ?? .status)
    }
}
