/// The limits of an HTTP transport, and whom it trusts.
public struct CurlConfiguration: Hashable, Sendable {
    /// Open connections to one host and port; further transfers to it wait, and their waiting counts towards their timeout.
    public var maxConnectionsPerHost: Int
    /// Open connections in all, idle ones included.
    public var maxConnections: Int
    /// A PEM file with the certificates of the authorities to trust; `nil` for those of the system.
    public var caFile: String?

    public init(maxConnectionsPerHost: Int = 64, maxConnections: Int = 256, caFile: String? = nil) {
        self.maxConnectionsPerHost = maxConnectionsPerHost
        self.maxConnections = maxConnections
        self.caFile = caFile
    }
}
