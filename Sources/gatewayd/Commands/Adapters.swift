import AdapterKit
import ArgumentParser

struct Adapters: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows the installed channels.", subcommands: [List.self, Describe.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the installed channels.")
        func run() {
            for adapter in installedAdapters { print("\(adapter.descriptor.channel)  \(adapter.descriptor.title)") }
        }
    }

    struct Describe: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one channel's settings and how core treats it.")
        @Argument(help: "The channel's name.") var name: String

        func run() throws {
            guard let descriptor = installedAdapters.map({ $0.descriptor }).first(where: { $0.channel.rawValue == name.lowercased() })
            else {
                printError("gatewayd: no channel \(name) is installed; `gatewayd adapters list` shows those that are")
                throw ExitCode.refused
            }
            print("\(descriptor.channel)  \(descriptor.title)")
            print(
                "  lost answer: \(descriptor.lostAnswer.rawValue)   concurrency: \(descriptor.concurrency), \(descriptor.perEndpoint) an endpoint"
            )
            for spec in descriptor.settings {
                let marks = [
                    spec.isRequired ? "required" : nil, spec.isSecret ? "secret" : nil, spec.defaultValue.map { "default \($0.text)" },
                ]
                print("  \(spec.key)  (\(marks.compactMap { $0 }.joined(separator: ", ")))  \(spec.doc)")
            }
        }
    }
}
