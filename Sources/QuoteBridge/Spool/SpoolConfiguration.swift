/// How events are taken while the main store is away.
public struct SpoolConfiguration: Hashable, Sendable {
    /// How often the copy of what decides is brought up to date while the main store is there.
    public var mirrorInterval: Duration
    /// The age beyond which nothing is decided by the copy any more.
    public var maxMirrorAge: Duration
    /// How long a call waits for the main store, which may be silent instead of refusing.
    public var patience: Duration

    public init(
        mirrorInterval: Duration = .seconds(10), maxMirrorAge: Duration = .seconds(86_400), patience: Duration = .seconds(3)
    ) {
        self.patience = patience
        self.mirrorInterval = mirrorInterval
        self.maxMirrorAge = maxMirrorAge
    }
}
