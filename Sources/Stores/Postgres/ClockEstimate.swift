/// The time of another machine, told from the monotonic time of this one: what was measured last, and how sure that is.
///
/// All times are in microseconds. It never goes back: where it turns out to be ahead, it runs at half its speed until it is right.
struct ClockEstimate: Sendable {
    /// A question for the time, and its answer.
    struct Sample: Sendable {
        /// When the question was sent and the answer came, by the monotonic clock.
        var sentAt: Int64
        var receivedAt: Int64
        /// What the other clock said in between.
        var time: Int64
        /// Which clock it is; another one may show another time.
        var clock: Int64

        /// How wrong it can be at most: the answer was given at some time within the round trip.
        fileprivate var error: Int64 { (receivedAt - sentAt + 1) / 2 }
        fileprivate var offset: Int64 { time - (sentAt + (receivedAt - sentAt) / 2) }
    }

    /// Two clocks drift apart by no more than 200 millionths of the time that passes.
    private static let drift: Int64 = 5000

    private var offset: Int64
    private var error: Int64
    private var measuredAt: Int64
    private var clock: Int64
    /// A time that was told, and when: none that is told later is less.
    private var told: (time: Int64, at: Int64)

    init(_ sample: Sample) {
        offset = sample.offset
        error = sample.error
        measuredAt = sample.receivedAt
        clock = sample.clock
        told = (sample.offset + sample.receivedAt, sample.receivedAt)
    }

    func time(at moment: Int64) -> Int64 { max(offset + moment, told.time + (moment - told.at) / 2) }

    /// How far the time can be off by now.
    func error(at moment: Int64) -> Int64 { error + max(moment - measuredAt, 0) / Self.drift }

    /// Takes a sample that is surer than what is known by now, or contradicts it.
    mutating func take(_ sample: Sample) {
        let known = error(at: sample.receivedAt)
        let isContradiction = abs(sample.offset - offset) > known + sample.error
        guard sample.clock != clock || isContradiction || sample.error <= known else { return }
        told = (time(at: sample.receivedAt), sample.receivedAt)
        offset = sample.offset
        error = sample.error
        measuredAt = sample.receivedAt
        clock = sample.clock
    }
}

extension Sequence<ClockEstimate.Sample> {
    /// The one with the shortest round trip: the surest.
    var surest: ClockEstimate.Sample? { self.min { $0.receivedAt - $0.sentAt < $1.receivedAt - $1.sentAt } }
}
