import CHiredis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One connection, on one thread: what is sent waits in a buffer until it is flushed, what comes until it is taken. Nothing here waits, but
/// for the way in.
final class RedisConnection {
    private let context: UnsafeMutablePointer<redisContext>

    init(_ place: RedisURL.Place, timeout: Duration) throws(RedisFailure) {
        let made =
            switch place {
            case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), timeval(timeout))
            case .socket(let path): redisConnectUnixWithTimeout(path, timeval(timeout))
            }
        guard let made else { throw .unreachable }
        guard made.pointee.err == 0, gateway_redis_unblock(made) == REDIS_OK else {
            redisFree(made)
            throw .unreachable
        }
        context = made
        if case .tcp = place { redisEnableKeepAlive(context) }
    }

    deinit { redisFree(context) }

    var socket: Int32 { context.pointee.fd }

    /// Puts a command into the buffer; `false` when it does not take it.
    func append(_ arguments: [String]) -> Bool {
        // One block of memory, so that every argument has an address for as long as it is copied.
        let lengths = arguments.map(\.utf8.count)
        let memory = arguments.flatMap { $0.utf8CString }
        return memory.withUnsafeBufferPointer { memory in
            guard let start = memory.baseAddress else { return false }
            var position = 0
            var addresses: [UnsafePointer<CChar>?] = lengths.map { length in
                defer { position += length + 1 }
                return start + position
            }
            return redisAppendCommandArgv(context, Int32(lengths.count), &addresses, lengths) == REDIS_OK
        }
    }

    /// Sends what it can; answers whether everything went out, or `nil` when the connection is lost.
    func flush() -> Bool? {
        var isDone: Int32 = 0
        return redisBufferWrite(context, &isDone) == REDIS_OK ? isDone == 1 : nil
    }

    /// Reads what has come; `false` when the connection is lost.
    func receive() -> Bool { redisBufferRead(context) == REDIS_OK }

    /// The next answer that has come wholly.
    func next() throws(RedisFailure) -> RedisReply? {
        var answer: UnsafeMutableRawPointer?
        guard redisGetReplyFromReader(context, &answer) == REDIS_OK else { throw .garbled }
        guard let answer else { return nil }
        defer { freeReplyObject(answer) }
        return RedisReply(answer.assumingMemoryBound(to: redisReply.self).pointee)
    }
}

extension timeval {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
