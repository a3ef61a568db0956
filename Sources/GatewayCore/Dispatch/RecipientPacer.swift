import AdapterKit
import Synchronization

/// Keeps to what a provider lets one account send to one recipient.
///
/// Asked by each try before it begins, and never in advance: a recipient seldom has two. While the nodes cannot agree, each allows its part of
/// the pace and nothing at once beyond the first, for what is sent too much here is punished by the provider.
final class RecipientPacer: Sendable {
    private struct Local {
        var limits: [Endpoint: RateLimit] = [:]
        var tidyAt = 1000
    }

    private let rates: (any RateAuthority)?
    private let clock: any WallClock
    private let local = Mutex(Local())

    init(rates: (any RateAuthority)?, clock: any WallClock) {
        self.rates = rates
        self.clock = clock
    }

    /// Takes leave to send one, or says when there may be leave.
    func take(for recipient: Endpoint, _ rate: RecipientRate) async -> Timestamp? {
        let perSecond = 1 / max(rate.interval.inSeconds, 0.001)
        guard let rates else { return takeHere(recipient, perSecond: perSecond, burst: Double(rate.burst)) }
        let key = RateKey(channel: recipient.channel, recipient: recipient)
        switch await rates.take(1, of: SharedLimit(key, perSecond: perSecond, burst: rate.burst)) {
        case .tokens(let count, let wait): return count > 0 ? nil : clock.now + max(wait, .milliseconds(1))
        case .share(let nodes, _): return takeHere(recipient, perSecond: perSecond / Double(max(1, nodes)), burst: 1)
        }
    }

    private func takeHere(_ recipient: Endpoint, perSecond: Double, burst: Double) -> Timestamp? {
        let now = clock.now
        return local.withLock { local in
            if local.limits.count >= local.tidyAt {
                local.limits = local.limits.filter { !$0.value.isFull(at: now) }
                local.tidyAt = max(1000, local.limits.count * 2)
            }
            return local.limits[recipient, default: RateLimit(perSecond: perSecond, burst: burst, at: now)].take(at: now)
        }
    }
}
