import AdapterKit

/// How many tries a lane may start: as many as its own bucket gives, or as it was granted of a limit that all nodes share.
/// Pure: time and grants are handed in.
///
/// Shared tokens are taken in blocks of a tenth of a second, so that one question serves many tries, and the next block is asked for before
/// the last is used up. Whatever is granted is also taken from the own bucket, which stands in while the nodes cannot agree: whoever has just
/// sent on shared tokens has no second helping.
struct RateBudget: Hashable, Sendable {
    let perSecond: Double
    let isShared: Bool
    private var own: RateLimit
    /// Until then the own bucket counts.
    private var ownUntil: Timestamp
    private var granted = 0
    /// Tokens that nobody used by then are worth nothing: others have gone on with their share since.
    private var grantEndsAt: Timestamp
    private var askAt: Timestamp
    private var isAsking = false

    init(perSecond: Double, isShared: Bool = false, at now: Timestamp) {
        self.perSecond = perSecond
        self.isShared = isShared
        own = RateLimit(perSecond: perSecond, at: now)
        (ownUntil, grantEndsAt, askAt) = (now, now, now)
    }

    /// How many tokens the bucket of all nodes holds.
    var burst: Int { max(1, Int(perSecond)) }

    /// How many are asked for at once.
    private var block: Int { max(1, Int(perSecond / 10)) }

    /// Takes a token, or says when there may be one; a grant that is under way may bring one at any time.
    mutating func take(at now: Timestamp) -> Timestamp? {
        if let opensAt = opensAt(now) { return opensAt }
        if usable(at: now) > 0 {
            granted -= 1
            own.spend(at: now)
            return nil
        }
        return own.take(at: now)
    }

    /// When there may be a token; `nil` when there is one now, the distant future when a grant has to bring it.
    func opensAt(_ now: Timestamp) -> Timestamp? {
        if usable(at: now) > 0 { return nil }
        if !isShared { return own.opensAt(now) }
        if ownUntil > now { return own.opensAt(now).map { min($0, ownUntil) } }
        return isAsking || askAt <= now ? .distantFuture : askAt
    }

    /// How many are to be asked for now, while so many could start; they count as asked for.
    mutating func ask(forUpTo waiting: Int, at now: Timestamp) -> Int? {
        guard let count = wanted(forUpTo: waiting, at: now) else { return nil }
        isAsking = true
        return count
    }

    func wanted(forUpTo waiting: Int, at now: Timestamp) -> Int? {
        guard isShared, !isAsking, askAt <= now, ownUntil <= now else { return nil }
        let left = usable(at: now)
        guard left <= block / 4, waiting > left else { return nil }
        return min(block, waiting - left)
    }

    mutating func granted(_ grant: RateGrant, at now: Timestamp) {
        isAsking = false
        switch grant {
        case .tokens(let count, let wait):
            granted = usable(at: now) + count
            if count > 0 { grantEndsAt = now + .seconds(1) }
            askAt = count > 0 ? now : now + max(wait, .milliseconds(1))
            ownUntil = now
        case .share(let nodes, let span):
            own.change(perSecond: perSecond / Double(max(1, nodes)), at: now)
            ownUntil = now + span
            askAt = ownUntil
        }
    }

    private func usable(at now: Timestamp) -> Int { grantEndsAt > now ? granted : 0 }
}
