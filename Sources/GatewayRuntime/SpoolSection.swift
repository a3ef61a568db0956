public import QuoteBridge

/// `quotes.spool`: where events go while the main store is away.
public struct SpoolSection: Hashable, Sendable {
    /// A file of this daemon alone.
    public var path: String
    public var configuration: SpoolConfiguration

    public init(path: String, configuration: SpoolConfiguration = .init()) {
        self.path = path
        self.configuration = configuration
    }

    /// `nil` where no path is given: then there is no spool.
    init?(_ source: inout ConfigurationSource) {
        let path = source.string("quotes.spool.path")
        var configuration = SpoolConfiguration()
        configuration.mirrorInterval = source.duration("quotes.spool.mirrorInterval") ?? configuration.mirrorInterval
        configuration.maxMirrorAge = source.duration("quotes.spool.maxMirrorAge") ?? configuration.maxMirrorAge
        for (key, duration) in [("mirrorInterval", configuration.mirrorInterval), ("maxMirrorAge", configuration.maxMirrorAge)]
        where duration <= .zero { source.fault("quotes.spool.\(key)", "must be longer than nothing") }
        guard let path else { return nil }
        self.init(path: path, configuration: configuration)
    }
}
