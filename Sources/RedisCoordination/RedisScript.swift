import Synchronization

/// A script that Redis runs in one piece, with its own clock. What it finds in the place of its key and is none of its own, it replaces.
struct RedisScript: Sendable {
    let text: String

    /// A bucket of tokens that fills evenly: takes up to so many, or tells how many microseconds the next is away.
    ///
    /// One that is found spoilt begins empty, so that nobody gets more for it. It is forgotten when it would be full.
    static let take = RedisScript(
        text: """
            local perSecond, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
            local time = redis.call('TIME')
            local now = time[1] * 1000000 + time[2]
            local stored = redis.pcall('HMGET', KEYS[1], 'tokens', 'at')
            local tokens, at = burst, now
            if stored.err then
                redis.call('DEL', KEYS[1])
                tokens = 0
            elseif stored[1] and stored[2] then
                tokens, at = tonumber(stored[1]) or 0, tonumber(stored[2]) or now
            end
            tokens = math.min(burst, tokens + math.max(0, now - at) * perSecond / 1000000)
            local taken = math.min(wanted, math.floor(tokens))
            tokens = tokens - taken
            redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
            redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / perSecond * 1000) + 1000)
            return {taken, math.ceil(math.max(0, 1 - tokens) / perSecond * 1000000)}
            """)

    /// Who is there: notes a node, forgets those that have been silent for so many milliseconds, and counts.
    static let attend = RedisScript(
        text: """
            local time = redis.call('TIME')
            local now = time[1] * 1000 + math.floor(time[2] / 1000)
            if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then redis.call('DEL', KEYS[1]) end
            redis.call('ZADD', KEYS[1], now, ARGV[1])
            redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return redis.call('ZCARD', KEYS[1])
            """)
}

/// A script's name on the server, once that has told it.
final class RedisScriptCall: Sendable {
    private let script: RedisScript
    private let digest = Mutex<String?>(nil)

    init(_ script: RedisScript) { self.script = script }

    /// Runs the script, which is told to a server that does not know it.
    func run(on link: RedisLink, key: String, _ arguments: [String]) async -> Result<RedisReply, RedisFailure> {
        if let known = digest.withLock({ $0 }) {
            let result = await link.send(["EVALSHA", known, "1", key] + arguments)
            guard case .success(.refusal(let text)) = result, text.hasPrefix("NOSCRIPT") else { return result }
        }
        let (loaded, result) = await (link.send(["SCRIPT", "LOAD", script.text]), link.send(["EVAL", script.text, "1", key] + arguments))
        if case .success(.text(let name)) = loaded { digest.withLock { $0 = name } }
        return result
    }
}
