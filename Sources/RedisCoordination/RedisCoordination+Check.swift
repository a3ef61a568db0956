import Synchronization

extension RedisCoordination {
    /// Tries whether a server does what nodes need of it; answers what is wrong, or `nil`. Of what it writes nothing is left after a minute.
    public static func fault(reaching configuration: RedisConfiguration) async -> String? {
        let arrival = Arrival()
        let link = RedisLink(configuration, listener: arrival)
        var failure = await arrival.failure
        if failure == nil {
            let result = await RedisScriptCall(.take).run(on: link, key: "gateway:{check}", ["1000", "1", "1"])
            failure = result.failure
        }
        if failure == nil { failure = await link.send(["PUBLISH", "gateway:\(configuration.url.database):check", ""]).failure }
        await link.close()
        return failure?.description
    }
}

extension Result<RedisReply, RedisFailure> {
    fileprivate var failure: RedisFailure? {
        switch self {
        case .success(.refusal(let text)): .refused(saying: text)
        case .success: nil
        case .failure(let failure): failure
        }
    }
}

/// Waits for the first that a connection says.
private final class Arrival: RedisListener {
    private struct State {
        var said: RedisFailure??
        var waiter: CheckedContinuation<RedisFailure?, Never>?
    }

    private let state = Mutex(State())

    /// `nil` once it is usable.
    var failure: RedisFailure? {
        get async {
            await withCheckedContinuation { continuation in
                let said = state.withLock { state in
                    if state.said == nil { state.waiter = continuation }
                    return state.said
                }
                if let said { continuation.resume(returning: said) }
            }
        }
    }

    func opened() { say(nil) }
    func failed(_ failure: RedisFailure) { say(failure) }
    func heard(_ payload: String, on channel: String) {}

    private func say(_ failure: RedisFailure?) {
        let waiter = state.withLock { state in
            if state.said == nil { state.said = .some(failure) }
            return state.waiter.take()
        }
        waiter?.resume(returning: failure)
    }
}
