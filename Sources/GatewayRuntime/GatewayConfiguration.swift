public import AdapterKit
public import GatewayAPI
public import GatewayCore
public import QuoteBridge
public import RedisCoordination

/// Everything a gateway is told before it starts; checked, with defaults filled in.
public struct GatewayConfiguration: Sendable {
    public struct HTTP: Hashable, Sendable {
        public var host = "127.0.0.1"
        public var port = 8080
        public var publicBaseURL: String?
        public var trustedProxies: [String] = []
        public var allowedOrigins: [String] = []
        public init() {}
    }

    public struct Limits: Hashable, Sendable {
        public var publicUnknownTokensPerMinute = 30
        public var publicCallsPerTokenPerMinute = 300
        /// By one key or signed token; 0 for no limit.
        public var requestsPerSecond = 0
        public init() {}
    }

    /// One configured channel: the account's settings for its adapter, and how core treats its deliveries.
    public struct ChannelSection: Sendable {
        public var settings: AdapterSettings
        public var policy: ChannelPolicy

        public init(settings: AdapterSettings, policy: ChannelPolicy) {
            self.settings = settings
            self.policy = policy
        }
    }

    public var http = HTTP()
    public var store: StoreLocation
    /// Whether pending migrations are applied at the start, or their absence refused.
    public var appliesMigrations = true
    /// The text of the keyring that seals secrets.
    public var keyring: Secret
    /// How nodes coordinate; nil for one that is alone.
    public var redis: RedisConfiguration?
    public var jwt: JWTConfiguration?
    public var networkAllow: [AddressBlock] = []
    public var channels: [ChannelName: ChannelSection] = [:]
    public var dispatch = DispatchConfiguration()
    public var quotes = BridgeConfiguration()
    /// Counts where several daemons share the store.
    public var spool: SpoolSection?
    public var limits = Limits()
    public var retention = RetentionPolicy()
    /// How long a daemon that was told to stop goes on taking calls, so that a balancer that asks `/readyz` finds out before it refuses any.
    public var drain = Duration.zero

    public init(store: StoreLocation, keyring: Secret) {
        self.store = store
        self.keyring = keyring
    }
}
