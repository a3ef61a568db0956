import AdapterKit
import GatewayCore
import GatewayModel

/// How the outbox stands, in the figures that people watch.
struct OutboxHealth {
    private let counts: OutboxCounts
    private let channels: [ChannelName]
    private let metrics: Metrics
    private let now: Timestamp

    /// - Parameter configured: channels that are shown also while they have no delivery.
    init(_ counts: OutboxCounts, configured: Channels, metrics: Metrics, now: Timestamp) {
        self.counts = counts
        self.channels = Set(configured.all.map(\.name)).union(counts.states.keys).sorted()
        self.metrics = metrics
        self.now = now
    }

    var json: JSONValue {
        var states: [ShownState: Int] = [:]
        for channel in channels { states.merge(shown(channel), uniquingKeysWith: +) }
        return .record([
            "states": Self.json(states),
            "oldestPendingSeconds": counts.oldestDue.map { .int(max(0, now.secondsSinceEpoch - $0.secondsSinceEpoch)) } ?? 0,
            "unaccounted": JSONValue(counts.unaccounted),
            "channels": .object(Dictionary(uniqueKeysWithValues: channels.map { ($0.rawValue, json(of: $0)) })),
            "triggers": .object(counts.triggers.mapValues(Self.json(ofTrigger:))),
        ])
    }

    /// Each delivery once, under the state it is shown in.
    func shown(_ channel: ChannelName) -> [ShownState: Int] {
        var states: [ShownState: Int] = [:]
        for (state, count) in counts.states[channel] ?? [:] where state != .pending {
            states[ShownState(rawValue: state.rawValue) ?? .unknown] = count
        }
        let scheduled = counts.scheduled[channel] ?? 0
        let processing = counts.processing[channel] ?? 0
        states[.scheduled] = scheduled
        states[.processing] = processing
        states[.pending] = max(0, (counts.states[channel]?[.pending] ?? 0) - scheduled - processing)
        return states
    }

    private func json(of channel: ChannelName) -> JSONValue {
        let rate = metrics.rate(of: channel)
        return [
            "states": Self.json(shown(channel)), "rate": .double(rate.perSecond), "errorRate": .double(rate.errorRate),
            "circuit": .string((metrics.snapshot.circuits[channel] ?? .closed).rawValue),
        ]
    }

    private static func json(_ states: [ShownState: Int]) -> JSONValue {
        .object(Dictionary(uniqueKeysWithValues: ShownState.allCases.map { ($0.rawValue, JSONValue(states[$0] ?? 0)) }))
    }

    private static func json(ofTrigger states: [DeliveryState: Int]) -> JSONValue {
        let succeeded = states[.succeeded] ?? 0
        let failed = states[.failed] ?? 0
        let ended = succeeded + failed
        return [
            "accepted": JSONValue(states.values.reduce(0, +)), "succeeded": JSONValue(succeeded), "failed": JSONValue(failed),
            "suppressed": JSONValue(states[.suppressed] ?? 0),
            "successRate": ended == 0 ? .null : .double(Double(succeeded) / Double(ended)),
        ]
    }
}
