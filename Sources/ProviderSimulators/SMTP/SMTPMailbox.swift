import AdapterKit
import Synchronization

/// What the connections of one SMTP simulator share: the script, the magic recipients seen, and the messages.
final class SMTPMailbox: Sendable {
    private struct State {
        var script: RuleScript<SMTPRule>
        var greylisted: Set<String> = []
    }

    let options: SMTPSimulator.Options
    let mails: Recorder<ReceivedMail>
    let gate = HoldGate()
    private let clock: any WallClock
    private let state: Mutex<State>

    init(options: SMTPSimulator.Options, script: [SMTPRule], clock: any WallClock) {
        self.options = options
        self.clock = clock
        mails = Recorder(keepsRecords: options.keepMessages)
        state = Mutex(State(script: RuleScript(script)))
    }

    func setScript(_ rules: [SMTPRule]) {
        gate.close()
        state.withLock { $0.script = RuleScript(rules) }
    }

    func action(at phase: SMTPRule.Phase, for recipients: [String]) -> SMTPRule.Action? {
        state.withLock { state in
            state.script.take { $0.phase == phase && ($0.recipient == .any || recipients.contains(where: $0.recipient.matches)) }?.action
        }
    }

    /// Whether the address is named for the first time; it is remembered from then on.
    func isFirstSight(of address: String) -> Bool { state.withLock { $0.greylisted.insert(address.lowercased()).inserted } }

    func take(_ envelope: SMTPEnvelope, _ data: @autoclosure () -> [UInt8], connection: Int) {
        mails.append(ReceivedMail(envelope: envelope, data: data(), connection: connection, receivedAt: clock.now))
    }
}
