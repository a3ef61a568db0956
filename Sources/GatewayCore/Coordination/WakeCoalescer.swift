import AdapterKit

/// Joins wakes, so that at most one leaves for each channel within a few milliseconds: the first at once, the earliest of those that follow
/// when the time is over. Pure: time is handed in.
struct WakeCoalescer: Sendable {
    private struct Line {
        var sentAt: Timestamp
        var earliest: Timestamp?
    }

    let gap: Duration
    private var lines: [ChannelName?: Line] = [:]

    init(gap: Duration = .milliseconds(5)) { self.gap = gap }

    /// Answers whether it is to be told now; otherwise it is among what `due` answers at `flushAt`.
    mutating func add(_ channel: ChannelName?, dueAt: Timestamp, at now: Timestamp) -> Bool {
        guard var line = lines[channel], now < line.sentAt + gap, now >= line.sentAt else {
            lines[channel] = Line(sentAt: now)
            return true
        }
        line.earliest = min(line.earliest ?? dueAt, dueAt)
        lines[channel] = line
        return false
    }

    /// When something that was held back is due to be told.
    var flushAt: Timestamp? { lines.values.filter { $0.earliest != nil }.map { $0.sentAt + gap }.min() }

    /// What was held back long enough.
    mutating func due(at now: Timestamp) -> [(ChannelName?, dueAt: Timestamp)] {
        var due: [(ChannelName?, dueAt: Timestamp)] = []
        for (channel, line) in lines {
            guard let earliest = line.earliest, line.sentAt + gap <= now || now < line.sentAt else { continue }
            due.append((channel, earliest))
            lines[channel] = Line(sentAt: now)
        }
        return due
    }
}
