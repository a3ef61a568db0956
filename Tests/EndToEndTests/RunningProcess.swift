import Foundation
import Synchronization

/// A child process whose output is read as it comes.
final class RunningProcess: Sendable {
    private struct State {
        var output = ""
        var errors = ""
        var status: Int32?
        var open = 3
        var lineWaiters: [(text: String, continuation: CheckedContinuation<String?, Never>)] = []
        var endWaiters: [CheckedContinuation<Void, Never>] = []
    }

    let pid: Int32
    private let state = Mutex(State())
    private let input: FileHandle

    init(_ executable: URL, _ arguments: [String], environment: [String: String]? = nil) throws {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        if let environment { process.environment = environment }
        let output = Pipe()
        let errors = Pipe()
        let input = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = input
        self.input = input.fileHandleForWriting
        try process.run()
        pid = process.processIdentifier
        let state = self
        Self.read(output.fileHandleForReading) { state.take(output: $0) }
        Self.read(errors.fileHandleForReading) { state.take(errors: $0) }
        Thread.detachNewThread {
            process.waitUntilExit()
            state.ended(process.terminationStatus)
        }
    }

    private static func read(_ handle: FileHandle, _ take: @escaping @Sendable (String?) -> Void) {
        Thread.detachNewThread {
            while true {
                let data = handle.availableData
                if data.isEmpty { return take(nil) }
                take(String(decoding: data, as: UTF8.self))
            }
        }
    }

    /// Writes a line to the process's standard input.
    func write(_ line: String) { input.write(Data((line + "\n").utf8)) }
    func closeInput() { try? input.close() }

    /// The first complete line on standard error that holds the text; nil when the process ends without one.
    func errorLine(containing text: String) async -> String? { await line(containing: text, in: \.errors) }

    /// The first complete line on standard output that holds the text; nil when the process ends without one.
    func outputLine(containing text: String) async -> String? { await line(containing: text, in: \.output) }

    /// Exit status, output and errors, once the process has ended.
    func result() async -> (Int32, String, String) {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.open == 0 { return true }
                state.endWaiters.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
        return state.withLock { ($0.status ?? -1, $0.output, $0.errors) }
    }

    private func line(containing text: String, in stream: KeyPath<State, String>) async -> String? {
        while true {
            let (found, isOver) = state.withLock { state in
                (Self.completeLines(state[keyPath: stream]).first { $0.contains(text) }, state.open == 0)
            }
            if found != nil || isOver { return found }
            _ =
                await withCheckedContinuation { continuation in
                    let isOver = state.withLock { state in
                        if state.open == 0 || Self.completeLines(state[keyPath: stream]).contains(where: { $0.contains(text) }) {
                            return true
                        }
                        state.lineWaiters.append((text, continuation))
                        return false
                    }
                    if isOver { continuation.resume(returning: nil) }
                } as String?
        }
    }

    private static func completeLines(_ text: String) -> [String] {
        guard let last = text.lastIndex(of: "\n") else { return [] }
        return text[..<last].split(separator: "\n").map(String.init)
    }

    private func take(output: String?) { change { if let output { $0.output += output } else { $0.open -= 1 } } }
    private func take(errors: String?) { change { if let errors { $0.errors += errors } else { $0.open -= 1 } } }

    private func ended(_ status: Int32) {
        change {
            $0.status = status
            $0.open -= 1
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let (lines, ends) = state.withLock { state in
            body(&state)
            let lines = state.lineWaiters
            state.lineWaiters = []
            var ends: [CheckedContinuation<Void, Never>] = []
            if state.open == 0 { swap(&ends, &state.endWaiters) }
            return (lines, ends)
        }
        for waiter in lines { waiter.continuation.resume(returning: nil) }
        for end in ends { end.resume() }
    }
}
