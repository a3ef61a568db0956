import AdapterKit
import ArgumentParser
import Foundation
import GatewayModel
import GatewayRuntime
import Logging

/// Runs an administrative command: in the daemon that has the store open, else on the store itself.
func administer(_ command: Administration.Command, _ configuration: GatewayConfiguration) async throws {
    let answer: Administration.Answer
    do { answer = try await Administration.perform(command, on: configuration) } catch let error as StoreError {
        throw told(error, configuration)
    }
    for line in answer.output { print(line) }
    if let note = answer.note { printError("gatewayd: \(note)") }
    if let fault = answer.fault {
        printError("gatewayd: \(fault)")
        throw ExitCode.refused
    }
}

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes, lists and revokes API keys.", subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a key and prints its token, once.")
        @OptionGroup var configurationOption: ConfigurationOption
        @Option(help: "The organization's UUID; made with the default workflows if it is new. Not for operators.") var organization: String?
        @Option(help: "The name of an organization that is made, as its customers know it.") var organizationName: String?
        @Option(help: "What the key is for.") var name: String
        @Option(help: "admin, quotes, sender, viewer or operator.") var role: String

        func run() async throws {
            let id = try organization.map(organizationID)
            try await administer(
                .createKey(organizationID: id, organizationName: organizationName, name: name, role: role), try configurationOption.load())
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the keys; their tokens are not known.")
        @OptionGroup var configurationOption: ConfigurationOption
        func run() async throws { try await administer(.listKeys, try configurationOption.load()) }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a key useless from now on.")
        @OptionGroup var configurationOption: ConfigurationOption
        @Argument(help: "The key's id, as `keys list` shows it.") var id: String

        func run() async throws {
            guard let key = APIKeyID(id) else { throw ValidationError("the id must be a UUID") }
            try await administer(.revokeKey(key), try configurationOption.load())
        }
    }
}

struct Organizations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Makes and lists organizations.", subcommands: [Create.self, List.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes an organization, with the default workflows.")
        @OptionGroup var configurationOption: ConfigurationOption
        @Option(help: "Its UUID.") var id: String
        @Option(help: "Its name, as customers know it.") var name: String
        @Option(help: "Its language and region, such as nl-NL.") var locale: String?
        @Flag(name: .customLong("no-seed"), help: "Without the default workflows.") var isUnseeded = false

        func run() async throws {
            try await administer(
                .createOrganization(id: try organizationID(id), name: name, locale: locale, isSeeded: !isUnseeded),
                try configurationOption.load())
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the organizations.")
        @OptionGroup var configurationOption: ConfigurationOption
        func run() async throws { try await administer(.listOrganizations, try configurationOption.load()) }
    }
}

private func organizationID(_ text: String) throws -> OrganizationID {
    guard let id = OrganizationID(text) else { throw ValidationError("the organization must be a UUID") }
    return id
}
