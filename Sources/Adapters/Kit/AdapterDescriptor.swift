/// What a channel is, in data.
public struct AdapterDescriptor: Hashable, Sendable {
    public var channel: ChannelName
    /// The name shown to people.
    public var title: String
    /// Which contact detail of a person it writes to.
    public var addressKind: AddressKind
    public var contentForm: ContentForm
    /// What to do when an answer was lost after transmission had begun, unless the configuration says otherwise.
    public var lostAnswer: LostAnswerPolicy
    /// The least wait before a lost answer is sent again; `nil` = the retry policy's own wait.
    public var quietTime: Duration?
    /// How long after acceptance a delivery is still tried, unless configured; `nil` = the retry policy's.
    public var deadline: Duration?
    /// Whose faults open a circuit.
    public var circuitScope: CircuitScope
    /// How many attempts run at once, unless configured.
    public var concurrency: Int
    /// How many of them towards one endpoint, unless configured.
    public var perEndpoint: Int
    /// How much one recipient may be sent; `nil` = no limit.
    public var recipientRate: RecipientRate?
    /// How long one try may take at the most, all phases together.
    public var attemptTimeout: Duration
    public var settings: [FieldSpec]

    public init(
        channel: ChannelName, title: String, addressKind: AddressKind, contentForm: ContentForm, lostAnswer: LostAnswerPolicy,
        quietTime: Duration? = nil, deadline: Duration? = nil, circuitScope: CircuitScope = .account, concurrency: Int = 64,
        perEndpoint: Int = 8, recipientRate: RecipientRate? = nil, attemptTimeout: Duration = .seconds(30), settings: [FieldSpec]
    ) {
        self.channel = channel
        self.title = title
        self.addressKind = addressKind
        self.contentForm = contentForm
        self.lostAnswer = lostAnswer
        self.quietTime = quietTime
        self.deadline = deadline
        self.circuitScope = circuitScope
        self.concurrency = concurrency
        self.perEndpoint = perEndpoint
        self.recipientRate = recipientRate
        self.attemptTimeout = attemptTimeout
        self.settings = settings
    }
}

/// How much one recipient may be sent by one account.
public struct RecipientRate: Hashable, Sendable {
    /// One more after each such span.
    public var interval: Duration
    /// So many at once, when there was nothing before.
    public var burst: Int

    public init(every interval: Duration, burst: Int) {
        self.interval = interval
        self.burst = burst
    }
}

/// What happens to a delivery whose answer was lost after transmission had begun.
public enum LostAnswerPolicy: String, Hashable, Sendable, CaseIterable {
    /// Send again, after a quiet time, under the same wire id, marked as a possible duplicate.
    case resend
    /// Park as `unknown` until a report that carries our id settles it.
    case reconcile
    /// Park as `unknown` until a person decides.
    case hold
}

public enum CircuitScope: String, Hashable, Sendable, CaseIterable {
    case account, endpoint
}
