import AdapterKit
import NIOCore
import Synchronization

/// One call of `send` or `probe` on its way through the pool. Ends once, whoever ends it first.
final class SMTPJob: Sendable {
    enum Outcome: Sendable {
        case result(MailResult)
        case cancelled
    }

    private enum Stage {
        case made
        case awaited(CheckedContinuation<Outcome, Never>)
        case done(Outcome)
    }

    private struct State {
        var stage = Stage.made
        var connection: SMTPConnection.Reference?
        var expiry: Scheduled<Void>?
    }

    let server: MailServer
    /// `nil` for a probe.
    let envelope: SMTPEnvelope?
    let deadline: NIODeadline
    private let state = Mutex(State())

    init(server: MailServer, envelope: SMTPEnvelope?, deadline: NIODeadline) {
        self.server = server
        self.envelope = envelope
        self.deadline = deadline
    }

    /// Called once, before the job is handed on.
    func wait(_ continuation: CheckedContinuation<Outcome, Never>) {
        let early: Outcome? = state.withLock { state in
            if case .done(let outcome) = state.stage { return outcome }
            state.stage = .awaited(continuation)
            return nil
        }
        if let early { continuation.resume(returning: early) }
    }

    /// Gives the job to a connection; `false` when it has ended meanwhile.
    func assign(_ connection: SMTPConnection.Reference) -> Bool {
        let (isOpen, expiry): (Bool, Scheduled<Void>?) = state.withLock { state in
            if case .done = state.stage { return (false, nil) }
            state.connection = connection
            defer { state.expiry = nil }
            return (true, state.expiry)
        }
        expiry?.cancel()
        return isOpen
    }

    /// Ends the job at its deadline for as long as no connection has it.
    func expire(on eventLoop: any EventLoop, then leave: @escaping @Sendable () -> Void) {
        let expiry = eventLoop.scheduleTask(deadline: deadline) { [weak self] in
            let late = MailResult.failed(MailFailure(.noConnection, "no connection was free in time"), in: .connect)
            self?.complete(.result(late), unlessAssigned: true)
            leave()
        }
        let isLate = state.withLock { state in
            if case .awaited = state.stage, state.connection == nil {
                state.expiry = expiry
                return false
            }
            return true
        }
        if isLate { expiry.cancel() }
    }

    /// Ends the job. What a connection has taken may be under way: only the connection may then say how it ended.
    func complete(_ outcome: Outcome, unlessAssigned: Bool = false) {
        let (continuation, expiry): (CheckedContinuation<Outcome, Never>?, Scheduled<Void>?) = state.withLock { state in
            if unlessAssigned, state.connection != nil { return (nil, nil) }
            defer {
                state.connection = nil
                state.expiry = nil
            }
            switch state.stage {
            case .done: return (nil, nil)
            case .made:
                state.stage = .done(outcome)
                return (nil, state.expiry)
            case .awaited(let continuation):
                state.stage = .done(outcome)
                return (continuation, state.expiry)
            }
        }
        expiry?.cancel()
        continuation?.resume(returning: outcome)
    }

    /// Ends the job as cancelled. Of one that a connection has, the connection says how it ends: only it knows whether the final dot is out.
    func cancel() {
        if let connection = state.withLock({ $0.connection }) { connection.abort(self) } else { complete(.cancelled) }
    }
}
