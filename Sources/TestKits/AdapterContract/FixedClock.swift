public import AdapterKit

/// A clock that stands still; nothing an adapter does may wait.
public struct FixedClock: WallClock {
    public let now: Timestamp

    public init(_ now: Timestamp) { self.now = now }

    public func sleep(until deadline: Timestamp) async throws(CancellationError) {
        if Task.isCancelled { throw CancellationError() }
    }
}
