import AdapterKit
import Foundation
import GatewayModel
import Signing
import Synchronization

/// Writes an export into a new file that only its owner can read: it holds addresses, texts and sealed secrets.
///
/// Blocks; used on threads that may. Until `finish` has returned, the file lacks the trailer by which it is known to be whole.
final class TransferFileWriter: Sendable {
    private struct State {
        var file: FileHandle
        var waiting: [UInt8] = []
        var digest = SHA256.Running()
        var rows = 0
    }

    private let path: String
    private let state: Mutex<State>

    private static let most = 1 << 20

    /// Never writes over a file that is there.
    init(path: String) throws(TransferError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            if code == EEXIST { throw .refused("\(path) exists already. Name a new file.") }
            throw .failed("\(path) cannot be made: \(String(cString: strerror(code)))")
        }
        self.path = path
        state = Mutex(State(file: FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)))
    }

    func write(_ header: TransferHeader) throws(TransferError) { try write(TransferLine.header(header), isRow: false) }

    func write(_ cells: [TransferCell], of table: TransferTable) throws(TransferError) {
        try write(TransferLine.row(cells, of: table), isRow: true)
    }

    private func write(_ line: JSONValue, isRow: Bool) throws(TransferError) {
        try locked { state throws(TransferError) in
            line.write(to: &state.waiting)
            state.waiting.append(0x0A)
            if isRow { state.rows += 1 }
            if state.waiting.count >= Self.most { try flush(&state) }
        }
    }

    /// Writes the trailer; what has returned is on the disk.
    func finish() throws(TransferError) {
        try locked { state throws(TransferError) in
            try flush(&state)
            TransferLine.trailer(rows: state.rows, digest: Hex.encode(state.digest.finish())).write(to: &state.waiting)
            state.waiting.append(0x0A)
            try flush(&state, isHashed: false)
            try noting { try state.file.synchronize() }
            try noting { try state.file.close() }
        }
    }

    /// Takes the file away: what it holds is of no use.
    func abandon() {
        state.withLock { try? $0.file.close() }
        unlink(path)
    }

    private func flush(_ state: inout State, isHashed: Bool = true) throws(TransferError) {
        if isHashed { state.digest.update(state.waiting) }
        let data = Data(state.waiting)
        let file = state.file
        try noting { try file.write(contentsOf: data) }
        state.waiting.removeAll(keepingCapacity: true)
    }

    private func noting(_ body: () throws -> Void) throws(TransferError) {
        do { try body() } catch {
            let cause = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError) ?? error as NSError
            let why = cause.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32(cause.code))) : "the disk does not take it"
            throw .failed("\(path) cannot be written: \(why). Nothing is left of it.")
        }
    }

    private func locked(_ body: (inout State) throws(TransferError) -> Void) throws(TransferError) {
        let result: Result<Void, TransferError> = state.withLock { state in
            do throws(TransferError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        try result.get()
    }
}
