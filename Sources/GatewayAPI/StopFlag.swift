import Synchronization

/// Whether the daemon has been told to stop: `/readyz` says so, so that whoever spreads calls over nodes leaves this one out.
public final class StopFlag: Sendable {
    private let raised = Atomic<Bool>(false)

    public init() {}

    public var isRaised: Bool { raised.load(ordering: .relaxed) }
    public func raise() { raised.store(true, ordering: .relaxed) }
}
