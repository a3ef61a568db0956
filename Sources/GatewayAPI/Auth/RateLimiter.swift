import AdapterKit

/// Lets a number of calls through for each key and length of time, evenly refilled; pure, the time is handed in.
struct RateLimiter: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: Timestamp
    }

    /// How many calls may come at once.
    private let capacity: Double
    private let perSecond: Double
    private let mostKeys: Int
    private var buckets: [[UInt8]: Bucket] = [:]

    init(perMinute: Int, mostKeys: Int = 100_000) {
        self.init(capacity: perMinute, seconds: 60, mostKeys: mostKeys)
    }

    init(perSecond: Int, mostKeys: Int = 100_000) {
        self.init(capacity: perSecond, seconds: 1, mostKeys: mostKeys)
    }

    private init(capacity: Int, seconds: Double, mostKeys: Int) {
        self.capacity = Double(max(1, capacity))
        perSecond = self.capacity / seconds
        self.mostKeys = mostKeys
    }

    /// Counts one call; answers how long to wait when it is one too many.
    mutating func admit(_ key: [UInt8], at now: Timestamp) -> Duration? {
        if buckets.count >= mostKeys, buckets[key] == nil { forget(at: now) }
        var bucket = buckets[key] ?? Bucket(tokens: capacity, at: now)
        bucket.tokens = tokens(in: bucket, at: now)
        bucket.at = max(now, bucket.at)
        defer { buckets[key] = bucket }
        guard bucket.tokens >= 1 else { return .milliseconds(Int64(((1 - bucket.tokens) * 1000 / perSecond).rounded(.up))) }
        bucket.tokens -= 1
        return nil
    }

    /// Takes back the count of a call that should not have been counted.
    mutating func giveBack(_ key: [UInt8]) {
        guard let bucket = buckets[key] else { return }
        buckets[key]?.tokens = min(capacity, bucket.tokens + 1)
    }

    /// Whether a key was counted not long ago.
    func remembers(_ key: [UInt8]) -> Bool { buckets[key] != nil }

    private func tokens(in bucket: Bucket, at now: Timestamp) -> Double {
        min(capacity, bucket.tokens + max(0, (now - bucket.at).inSeconds) * perSecond)
    }

    /// Drops the keys that would be admitted like new ones; when all are busy the fuller half goes, those nearest to being like new.
    private mutating func forget(at now: Timestamp) {
        buckets = buckets.filter { tokens(in: $0.value, at: now) < capacity }
        guard buckets.count >= mostKeys else { return }
        let fullest = buckets.sorted { tokens(in: $0.value, at: now) > tokens(in: $1.value, at: now) }.prefix(mostKeys / 2)
        for (key, _) in fullest { buckets[key] = nil }
    }
}
