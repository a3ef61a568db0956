import AdapterKit

/// How many nodes there are, from what was counted lately. Pure: time is handed in.
///
/// The most of the last seconds counts, because a server that was emptied counts anew from one; and while nothing is counted, what was known
/// last: who has gone since costs a little speed, who was forgotten would break a limit.
struct KnownNodes: Sendable {
    private static let memory = Duration.seconds(5)

    /// Longer than between two counts: nobody could be asked.
    private static let silence = Duration.seconds(2)

    private var counts: [(at: Timestamp, count: Int)] = []
    private var countedAt: Timestamp?

    var count: Int { counts.map(\.count).max() ?? 1 }

    mutating func counted(_ count: Int, at now: Timestamp) {
        // After an outage what was known before it stands until the others have had the time to come back.
        if let last = countedAt, now - last > Self.silence { counts = [(now, count: self.count)] }
        countedAt = now
        // A larger count stays until its time is over; the smaller ones before it say nothing any more.
        counts.removeAll { $0.count <= count || $0.at < now - Self.memory }
        counts.append((now, max(1, count)))
    }
}
