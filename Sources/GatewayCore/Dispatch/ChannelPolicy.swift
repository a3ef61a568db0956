public import AdapterKit
import GatewayModel

/// How core treats the deliveries of one channel: the descriptor's own values, as far as the configuration does not replace them.
public struct ChannelPolicy: Hashable, Sendable {
    public var retry: RetryPolicy
    public var lostAnswer: LostAnswerPolicy
    /// The least wait before a lost answer is sent again; `nil` = the retry policy's wait alone.
    public var quietTime: Duration?
    /// How many attempts run at once.
    public var concurrency: Int
    /// How many of them towards one endpoint.
    public var perEndpoint: Int
    /// Attempts a second at the most; `nil` = no limit.
    public var rate: Double?
    /// How much one recipient may be sent; `nil` = no limit.
    public var recipientRate: RecipientRate?
    public var attemptTimeout: Duration
    public var circuitScope: CircuitScope
    public var circuit: CircuitPolicy
    /// How many claims without a settlement make a delivery poison.
    public var poisonClaims: Int

    public init(
        retry: RetryPolicy = RetryPolicy(), lostAnswer: LostAnswerPolicy, quietTime: Duration? = nil, concurrency: Int = 64,
        perEndpoint: Int = 8, rate: Double? = nil, recipientRate: RecipientRate? = nil, attemptTimeout: Duration = .seconds(30),
        circuitScope: CircuitScope = .account,
        circuit: CircuitPolicy = CircuitPolicy(), poisonClaims: Int = 10
    ) {
        self.retry = retry
        self.lostAnswer = lostAnswer
        self.quietTime = quietTime
        self.concurrency = concurrency
        self.perEndpoint = perEndpoint
        self.rate = rate
        self.recipientRate = recipientRate
        self.attemptTimeout = attemptTimeout
        self.circuitScope = circuitScope
        self.circuit = circuit
        self.poisonClaims = poisonClaims
    }

    /// The descriptor's values, over the general retry policy.
    public init(_ descriptor: AdapterDescriptor, retry: RetryPolicy = RetryPolicy(), poisonClaims: Int = 10) {
        var retry = retry
        if let deadline = descriptor.deadline { retry.deadline = deadline }
        self.init(
            retry: retry, lostAnswer: descriptor.lostAnswer, quietTime: descriptor.quietTime, concurrency: descriptor.concurrency,
            perEndpoint: descriptor.perEndpoint, recipientRate: descriptor.recipientRate, attemptTimeout: descriptor.attemptTimeout,
            circuitScope: descriptor.circuitScope,
            poisonClaims: poisonClaims)
    }

    /// On `resend` channels the claim is the attempt's beginning; on the others a mark is written before any byte leaves.
    public var marksTransmission: Bool { lostAnswer != .resend }

    /// A step with a delay is marked on every channel: a later event of the quote takes back what has not begun, also under a lease.
    func marksTransmission(of delivery: Delivery) -> Bool {
        marksTransmission || delivery.isDelayedStep && delivery.recordedAttempts == 0
    }
}
