import CEventFD

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A descriptor by which any thread ends another one's wait for its socket.
public final class WakeUp: Sendable {
    private let descriptor: Int32

    public init() {
        descriptor = gateway_open_wakeup()
        precondition(descriptor >= 0, "the system gives no further descriptor")
    }

    deinit { close(descriptor) }

    public func signal() {
        var one: UInt64 = 1
        // It can only fail when it is already signalled so often that the counter is full.
        _ = write(descriptor, &one, 8)
    }

    /// Waits until the signal, until the socket is ready, or until the time is over; answers what the socket is ready for.
    ///
    /// - Parameter timeout: `nil` for as long as it takes; blocks the thread.
    @discardableResult
    public func wait(
        socket: Int32? = nil, forWriting: Bool = false, timeout: Duration? = nil
    ) -> (isReadable: Bool, isWritable: Bool) {
        let events = Int16(POLLIN) | (forWriting ? Int16(POLLOUT) : 0)
        var descriptors = (pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: socket ?? -1, events: events, revents: 0))
        let ready = withUnsafeMutableBytes(of: &descriptors) { memory in
            poll(memory.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, timeout?.pollMilliseconds ?? -1)
        }
        guard ready > 0 else { return (false, false) }
        if descriptors.0.revents != 0 {
            var count: UInt64 = 0
            _ = read(descriptor, &count, 8)
        }
        // An error or the other side's end shows when it is read.
        return (descriptors.1.revents & ~Int16(POLLOUT) != 0, descriptors.1.revents & Int16(POLLOUT) != 0)
    }
}

extension Duration {
    /// Rounded up, so that nobody wakes before the time and looks again at once.
    fileprivate var pollMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 3600 else { return 3_600_000 }
        let whole = seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return Int32(max(whole, 0))
    }
}
