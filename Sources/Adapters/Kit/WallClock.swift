#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tells the time and waits for one, so that a test can hand in a clock of its own.
public protocol WallClock: Sendable {
    var now: Timestamp { get }

    /// Time from some beginning that nobody moves who sets the clock: it tells how much has really passed.
    var steady: Timestamp { get }

    /// Returns when `deadline` has come; throws only when the task is cancelled.
    func sleep(until deadline: Timestamp) async throws(CancellationError)
}

extension WallClock {
    /// For a clock that nobody sets.
    public var steady: Timestamp { now }
}

/// The machine's clock.
public struct SystemClock: WallClock {
    public init() {}

    public var now: Timestamp { Self.read(CLOCK_REALTIME) }
    public var steady: Timestamp { Self.read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Timestamp {
        // The two members of a timespec. Named, they do not compile in an optimized build: there the compiler counts them to a module that
        // cannot be imported.
        var time = (seconds: Int(0), nanoseconds: Int(0))
        withUnsafeMutablePointer(to: &time) { pointer in
            _ = clock_gettime(clock, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: timespec.self))
        }
        return Timestamp(microseconds: Int64(time.seconds) * 1_000_000 + Int64(time.nanoseconds) / 1000)
    }

    public func sleep(until deadline: Timestamp) async throws(CancellationError) {
        // Sleeping in slices of an hour keeps a far deadline right when the machine's clock is set.
        while true {
            let left = deadline - now
            guard left > .zero else { return }
            do { try await Task.sleep(for: min(left, .seconds(3600))) } catch { throw CancellationError() }
        }
    }
}
