/// Holds back whoever comes by until it is opened.
public final class Latch: Sendable {
    private struct State {
        var isOpen = false
        var arrived = 0
    }

    private let state = Watched(State())

    public init() {}

    public func open() { state.withLock { $0.isOpen = true } }

    /// Returns once `count` have come by, or when the task is cancelled.
    public func waitForArrivals(count: Int = 1) async { await state.wait { $0.arrived >= count } }

    public func pass() async {
        state.withLock { $0.arrived += 1 }
        await state.wait { $0.isOpen }
    }
}
