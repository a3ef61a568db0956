import GatewayModel
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Keeps a second process away: two writers would each believe to be the only one.
final class SQLiteLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// - Parameter patience: how long to wait for another process to let go; blocks the thread.
    init(path: String, patience: Duration = .zero) throws(StoreError) {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw errno == ENOSPC || errno == EROFS ? .full : .unavailable }
        let end = ContinuousClock.now + patience
        while flock(file, LOCK_EX | LOCK_NB) != 0 {
            guard ContinuousClock.now < end else {
                close(file)
                throw .schema("Another process has the store open. Stop it first: an SQLite store serves one daemon at a time.")
            }
            usleep(20_000)
        }
        descriptor = Mutex(file)
    }

    func release() {
        descriptor.withLock { file in
            if let file {
                // Closing alone would leave the lock to a child that is just being started and has a copy of the descriptor.
                flock(file, LOCK_UN)
                close(file)
            }
            file = nil
        }
    }
}
