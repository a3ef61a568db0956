/// How the nodes' coordination is doing, for probes and figures.
public struct CoordinationFigures: Hashable, Sendable {
    public var isUp: Bool
    /// How often a connection came about anew.
    public var reconnects: Int
    /// How long it has been degraded, over all times.
    public var degraded: Duration
    /// How many nodes are known, this one among them.
    public var nodes: Int

    public init(isUp: Bool, reconnects: Int, degraded: Duration, nodes: Int) {
        self.isUp = isUp
        self.reconnects = reconnects
        self.degraded = degraded
        self.nodes = nodes
    }
}

/// Says how the coordination is doing.
public protocol CoordinationStatus: Sendable {
    var figures: CoordinationFigures { get }
}
