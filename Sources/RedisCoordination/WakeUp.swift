import CHiredis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A descriptor by which any thread ends another one's wait for its socket.
final class WakeUp: Sendable {
    private let descriptor: Int32

    init() {
        descriptor = gateway_redis_open_wakeup()
        precondition(descriptor >= 0, "the system gives no further descriptor")
    }

    deinit { close(descriptor) }

    func signal() {
        var one: UInt64 = 1
        // It can only fail when it is already signalled so often that the counter is full.
        _ = write(descriptor, &one, 8)
    }

    /// Waits until the signal, until the socket is ready, or until the time is over; answers whether there is something to read.
    func wait(socket: Int32? = nil, forWriting: Bool = false, timeout: Duration) -> Bool {
        let events = Int16(POLLIN) | (forWriting ? Int16(POLLOUT) : 0)
        var descriptors = (pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: socket ?? -1, events: events, revents: 0))
        // Rounded up, so that nobody wakes before the time and looks again at once.
        let milliseconds = Int32(min(max((timeout / .milliseconds(1)).rounded(.up), 0), 60_000))
        let ready = withUnsafeMutableBytes(of: &descriptors) { memory in
            poll(memory.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, milliseconds)
        }
        guard ready > 0 else { return false }
        if descriptors.0.revents != 0 {
            var count: UInt64 = 0
            _ = read(descriptor, &count, 8)
        }
        // An error or the other side's end shows when it is read.
        return descriptors.1.revents & ~Int16(POLLOUT) != 0
    }
}
