import Foundation
import Synchronization

/// A child process whose output is read as it comes.
final class RunningProcess: Sendable {
    private struct State {
        // Bytes, because a letter may come in two pieces.
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var status: Int32?
        var open = 3
        var lineWaiters: [CheckedContinuation<Void, Never>] = []
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
        let end = End()
        // Foundation's call that waits for the end keeps a processor busy.
        process.terminationHandler = { end.put($0.terminationStatus) }
        try process.run()
        pid = process.processIdentifier
        let state = self
        end.tell { state.ended($0) }
        Self.read(output.fileHandleForReading) { state.take(output: $0) }
        Self.read(errors.fileHandleForReading) { state.take(errors: $0) }
    }

    /// How the process ended, told as soon as both that and who wants to know are there.
    private final class End: Sendable {
        private let state = Mutex<(status: Int32?, listener: (@Sendable (Int32) -> Void)?)>((nil, nil))

        func put(_ status: Int32) {
            state.withLock { state in
                state.status = status
                return state.listener
            }?(status)
        }

        func tell(_ listener: @escaping @Sendable (Int32) -> Void) {
            let status = state.withLock { state in
                state.listener = listener
                return state.status
            }
            if let status { listener(status) }
        }
    }

    private static func read(_ handle: FileHandle, _ take: @escaping @Sendable ([UInt8]?) -> Void) {
        Thread.detachNewThread {
            while true {
                let data = handle.availableData
                if data.isEmpty {
                    // Foundation keeps what it was given, and with it the descriptors, for as long as the tests run.
                    try? handle.close()
                    return take(nil)
                }
                take(Array(data))
            }
        }
    }

    /// Writes a line to the process's standard input.
    func write(_ line: String) { try? input.write(contentsOf: Data((line + "\n").utf8)) }
    func closeInput() { try? input.close() }

    /// The first complete line on standard error that holds the text; nil when the process ends without one.
    func errorLine(containing text: String) async -> String? { await line(containing: text, number: 1, in: \.errors) }

    /// A complete line on standard output that holds the text, by its number among such lines; nil when the process ends without it.
    func outputLine(containing text: String, number: Int = 1) async -> String? {
        await line(containing: text, number: number, in: \.output)
    }

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
        return state.withLock { ($0.status ?? -1, Self.text($0.output), Self.text($0.errors)) }
    }

    private func line(containing text: String, number: Int, in stream: KeyPath<State, [UInt8]>) async -> String? {
        while true {
            let (found, isOver, size) = state.withLock { state in
                let bytes = state[keyPath: stream]
                return (Self.completeLines(bytes).filter { $0.contains(text) }.dropFirst(number - 1).first, state.open == 0, bytes.count)
            }
            if found != nil || isOver { return found }
            await withCheckedContinuation { continuation in
                let hasMore = state.withLock { state in
                    if state.open == 0 || state[keyPath: stream].count > size { return true }
                    state.lineWaiters.append(continuation)
                    return false
                }
                if hasMore { continuation.resume() }
            }
        }
    }

    private static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

    private static func completeLines(_ bytes: [UInt8]) -> [String] {
        guard let last = bytes.lastIndex(of: 0x0A) else { return [] }
        return bytes[..<last].split(separator: 0x0A).map(text)
    }

    private func take(output: [UInt8]?) { change { if let output { $0.output += output } else { $0.open -= 1 } } }
    private func take(errors: [UInt8]?) { change { if let errors { $0.errors += errors } else { $0.open -= 1 } } }

    private func ended(_ status: Int32) {
        closeInput()
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
        for waiter in lines { waiter.resume() }
        for end in ends { end.resume() }
    }
}
