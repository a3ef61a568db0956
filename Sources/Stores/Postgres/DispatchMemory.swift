import AdapterKit
import GatewayModel
import Synchronization

/// Where a row stands among those of its organization that are due.
struct QueuePlace: Hashable, Comparable, Sendable {
    var dueAt: Timestamp
    var id: DeliveryID

    static func < (a: QueuePlace, b: QueuePlace) -> Bool { (a.dueAt, a.id) < (b.dueAt, b.id) }
}

/// What a node remembers from claim to claim. It only saves looking: whatever it has wrong is found a moment later.
final class DispatchMemory: Sendable {
    private struct State {
        var channels: [ChannelName: ChannelMemory] = [:]
        /// Days on which something was leased, and when that was last seen.
        var days: [Day: Timestamp] = [:]
        var expectsDependents = false
    }

    private static let mostDays = 16

    private let state = Mutex(State())

    func read<Value>(_ channel: ChannelName, _ body: (ChannelMemory) -> Value) -> Value {
        state.withLock { body($0.channels[channel] ?? ChannelMemory()) }
    }

    func change<Value>(_ channel: ChannelName, _ body: (inout ChannelMemory) -> Value) -> Value {
        state.withLock { body(&$0.channels[channel, default: ChannelMemory()]) }
    }

    /// Whether what is settled probably has others depending on it, so that it takes a transaction of several statements at once.
    var expectsDependents: Bool {
        get { state.withLock { $0.expectsDependents } }
        set { state.withLock { $0.expectsDependents = newValue } }
    }

    /// Something was accepted, or put back, that waits for a time.
    func note(waiting: [ChannelName: Timestamp]) {
        if waiting.isEmpty { return }
        state.withLock { state in
            for (channel, time) in waiting { state.channels[channel, default: ChannelMemory()].note(waiting: time) }
        }
    }

    /// Days that rows which are worked on now probably stand on; statements that name them leave the other partitions alone.
    func days(at now: Timestamp) -> Set<Day> {
        let today = Day(now)
        return state.withLock { Set($0.days.keys).union([today, today.advanced(by: -1)]) }
    }

    func note(days: some Sequence<Day>, at now: Timestamp) {
        state.withLock { state in
            for day in days { state.days[day] = now }
            while state.days.count > Self.mostDays, let oldest = state.days.min(by: { $0.value < $1.value }) {
                state.days[oldest.key] = nil
            }
        }
    }
}

/// What is remembered of one channel.
struct ChannelMemory: Sendable {
    /// Whom the last claim served last: the next one begins behind it.
    private(set) var served: OrganizationID?
    /// How far each organization was served by the claims of late, while they came back full. What lies before is mostly gone, and looking
    /// for the next row would go through all its traces.
    private(set) var places: [OrganizationID: QueuePlace] = [:]
    private var placesSince: Timestamp?
    /// The earliest time that something waits for, as far as is known; `nil` when nobody has looked.
    private var waiting: Timestamp?
    /// Nothing waits for a time before this, but for what was committed late.
    private var waitingAfter: Timestamp?
    private var lookedAt: Timestamp?

    /// Rows that came to stand before a place are seen within this time.
    private static let placesLast = Duration.seconds(1)
    private static let mostPlaces = 1024
    /// The same for what waits, and how late a commit may be.
    private static let looksLast = Duration.seconds(30)
    private static let lateness = Duration.seconds(60)

    /// Whether something that waits may have come due.
    func mayBeDue(at now: Timestamp) -> Bool { waiting.map { $0 <= now } ?? true }

    /// From when on to look for what waits.
    func looksFrom(at now: Timestamp) -> Timestamp {
        guard let waitingAfter, let lookedAt, lookedAt <= now, now - lookedAt < Self.looksLast else { return Timestamp(microseconds: .min) }
        return waitingAfter
    }

    mutating func note(waiting time: Timestamp) {
        if let known = waiting { waiting = min(known, time) }
        if let after = waitingAfter { waitingAfter = min(after, time - .seconds(1)) }
    }

    /// A look found `earliest` as the first that waits; `nil` for nothing.
    mutating func looked(from start: Timestamp, at now: Timestamp, earliest: Timestamp?) {
        waiting = earliest ?? .distantFuture
        if start.microseconds == .min { lookedAt = now }
        waitingAfter = min(earliest ?? now, now) - Self.lateness
    }

    mutating func begin(at now: Timestamp) {
        if let since = placesSince, now < since || now - since >= Self.placesLast { forgetPlaces() }
    }

    /// A claim took these rows.
    mutating func took(_ rows: [LeasedRow], isFull: Bool, at now: Timestamp) {
        let served = served
        func turn(_ id: OrganizationID) -> (Int, OrganizationID) { (served.map { id > $0 ? 0 : 1 } ?? 0, id) }
        if let last = rows.lazy.map(\.organizationID).max(by: { turn($0) < turn($1) }) { self.served = last }
        guard isFull else { return forgetPlaces() }
        for row in rows { places[row.organizationID] = places[row.organizationID].map { max($0, row.place) } ?? row.place }
        placesSince = placesSince ?? now
        if places.count > Self.mostPlaces { forgetPlaces() }
    }

    mutating func forgetPlaces() {
        places = [:]
        placesSince = nil
    }
}
