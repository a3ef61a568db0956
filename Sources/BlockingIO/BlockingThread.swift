#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thread of its own that serves as the executor of actors whose work blocks.
///
/// Jobs run one after another in the order in which they came. `finish()` lets the thread end once it has done all that it was given; what is
/// enqueued after that still runs, on a thread that lives only as long as there is such work, because an actor's job must never be lost.
///
/// `@unchecked Sendable`: the mutable state is touched only under `mutex`.
public final class BlockingThread: SerialExecutor, @unchecked Sendable {
    private enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private let name: String
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var queue: [Work] = []
    private var isRunning = false
    private var isFinishing = false
    private var thread = pthread_t()
    private var awaitingEnd: [CheckedContinuation<Void, Never>] = []

    /// Starts the thread. Its name appears in the message of a violated isolation.
    public init(name: String) {
        self.name = name
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
        locked { launch() }
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    public func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Runs a closure on the thread, after what was given before it.
    public func perform(_ closure: @escaping @Sendable () -> Void) { add(.closure(closure)) }

    /// Lets the thread end when it has done what it was given; does not wait for it.
    public func finish() {
        locked {
            isFinishing = true
            pthread_cond_signal(changed)
        }
    }

    /// Lets the thread end when it has done what it was given, and returns when it has ended. Not to be called from work on the thread itself.
    public func stop() async {
        finish()
        await withCheckedContinuation { continuation in
            let hasEnded = locked {
                if isRunning { awaitingEnd.append(continuation) }
                return !isRunning
            }
            if hasEnded { continuation.resume() }
        }
    }

    public func checkIsolated() {
        precondition(locked { isRunning && pthread_equal(thread, pthread_self()) != 0 }, "not on the thread \(name)")
    }

    private func add(_ work: Work) {
        locked {
            queue.append(work)
            if isRunning { pthread_cond_signal(changed) } else { launch() }
        }
    }

    /// Called under the mutex.
    private func launch() {
        // The thread keeps the executor alive; it lets go when it ends.
        let me = Unmanaged.passRetained(self)
        let status = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<BlockingThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, me.toOpaque())
        precondition(status == 0, "the system gives no further thread")
        pthread_detach(thread)
        isRunning = true
    }

    private func run() {
        while let batch = next() {
            for work in batch {
                switch work {
                case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
                case .closure(let closure): closure()
                }
            }
        }
    }

    /// All that waits, in order; `nil` when the thread is to end.
    private func next() -> [Work]? {
        pthread_mutex_lock(mutex)
        while queue.isEmpty && !isFinishing { pthread_cond_wait(changed, mutex) }
        if queue.isEmpty {
            isRunning = false
            let waiting = awaitingEnd
            awaitingEnd = []
            pthread_mutex_unlock(mutex)
            for continuation in waiting { continuation.resume() }
            return nil
        }
        let batch = queue
        queue = []
        pthread_mutex_unlock(mutex)
        return batch
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
