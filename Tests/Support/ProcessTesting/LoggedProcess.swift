import Foundation
import Synchronization

/// A child process whose output is read as it comes.
public final class LoggedProcess: Sendable {
    public let pid: Int32
    private let log = Log()

    public init(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        let process = Process()
        process.executableURL = URL(filePath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, own in own }
        // Not that of the tests, whose folder an unprivileged user may not be allowed to enter.
        process.currentDirectoryURL = URL(filePath: "/")
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        let log = log
        // Foundation's call that waits for the end keeps a processor busy.
        process.terminationHandler = { process in log.change { $0.status = process.terminationStatus } }
        try process.runWithAllSignals()
        pid = process.processIdentifier
        Thread.detachNewThread {
            while true {
                let data = output.fileHandleForReading.availableData
                if data.isEmpty {
                    // Foundation keeps what it was given, and with it the descriptors, for as long as the tests run.
                    try? output.fileHandleForReading.close()
                    break
                }
                log.change { $0.add(String(decoding: data, as: UTF8.self)) }
            }
            log.change { $0.isRead = true }
        }
    }

    /// Whether a line with the text came; `false` when the process ended without one.
    public func says(_ text: String) async -> Bool {
        await log.changed { $0.isOver || $0.has(text) }
        return log.state.withLock { $0.has(text) }
    }

    /// Exit status and output, once the process has ended.
    public func result() async -> (status: Int32, output: String) {
        await log.changed { $0.isOver }
        return log.state.withLock { ($0.status ?? -1, $0.lines.joined(separator: "\n")) }
    }

    private struct State {
        var lines: [String] = []
        var rest = ""
        var status: Int32?
        var isRead = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        var isOver: Bool { status != nil && isRead }
        func has(_ text: String) -> Bool { lines.contains { $0.contains(text) } }

        mutating func add(_ text: String) {
            rest += text
            var parts = rest.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            rest = parts.removeLast()
            lines += parts
            if lines.count > 2000 { lines.removeFirst(1000) }
        }
    }

    private final class Log: Sendable {
        let state = Mutex(State())

        func change(_ body: (inout State) -> Void) {
            let waiters = state.withLock { state in
                body(&state)
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.resume() }
        }

        func changed(_ isEnough: (State) -> Bool) async {
            while !state.withLock({ isEnough($0) }) {
                await withCheckedContinuation { continuation in
                    let isEnough = state.withLock { state in
                        if isEnough(state) { return true }
                        state.waiters.append(continuation)
                        return false
                    }
                    if isEnough { continuation.resume() }
                }
            }
        }
    }
}

extension Process {
    /// Starts the process so that it gets its signals: it inherits the mask of its parent's thread, and Swift's shared threads block most of them.
    func runWithAllSignals() throws {
        var none = sigset_t()
        var usual = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &usual)
        defer { pthread_sigmask(SIG_SETMASK, &usual, nil) }
        try run()
    }
}
