import CLibPQ

/// Ends the statement that a session runs, from a thread that may wait.
///
/// Unchecked, because it holds a C pointer: the object is a copy of what libpq needs for this, made to be used on another thread than the
/// connection's, and only ever used by one.
final class PostgresCancelRequest: @unchecked Sendable {
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQfreeCancel(handle) }

    /// Asks the server over a connection of its own, and waits until the server has taken notice.
    func send() {
        // Whether it worked shows in what the statement answers.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
            _ = PQcancel(handle, message.baseAddress, Int32(message.count))
        }
    }
}
