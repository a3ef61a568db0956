/// What an adapter says of one try. A value, never an exception: the provider's refusal is ordinary business.
public enum DeliveryOutcome: Hashable, Sendable {
    /// The provider took it.
    case accepted(Acceptance)
    /// A fault of this message or endpoint that may pass. The try counts; `retryAfter` is the provider's hint.
    case deferred(DeliveryFailure, retryAfter: Duration? = nil)
    /// Too much or too early. Not counted; the delivery waits `retryAfter`, or the policy's wait without a hint.
    case throttled(DeliveryFailure, retryAfter: Duration? = nil)
    /// The account cannot send at all: authentication, billing, configuration, policy. Not counted; the account is paused.
    case channelFault(DeliveryFailure)
    /// It will never be delivered.
    case rejected(DeliveryFailure, of: RejectedPart)
    /// Transmission had begun and no answer came: it may have been delivered.
    case answerLost(DeliveryFailure)
}

/// The provider's yes.
public struct Acceptance: Hashable, Sendable {
    /// The provider's id for the message, by which its later reports name it.
    public var providerMessageID: String?
    /// The provider's own code, such as `250 2.0.0` or `HTTP 200`.
    public var code: String?
    /// A summary that is safe to show: no address, no content, no secret.
    public var summary: String?

    public init(providerMessageID: String? = nil, code: String? = nil, summary: String? = nil) {
        self.providerMessageID = providerMessageID
        self.code = code
        self.summary = summary
    }
}

/// What a permanent refusal is about.
public enum RejectedPart: Hashable, Sendable {
    /// This content, or this message's policy.
    case message
    /// The provider's template: missing, blocked, or not made for what was filled in.
    case template
    /// The content, because it is larger than the provider takes.
    case size
    /// The moment: outside a service window only templates may be sent.
    case window
    /// The address, without proof that it is dead: fails the one delivery and suppresses nothing.
    case endpoint
    /// The provider says that the address does not exist: core suppresses it.
    case deadEndpoint
    /// The person declined this category from us: core suppresses it for that category.
    case optedOut(MessageCategory)
}

extension RejectedPart {
    /// The part in one word, as stores keep it.
    public var word: String {
        switch self {
        case .message: "message"
        case .template: "template"
        case .size: "size"
        case .window: "window"
        case .endpoint: "endpoint"
        case .deadEndpoint: "dead_endpoint"
        case .optedOut(let category): "opted_out:\(category.rawValue)"
        }
    }

    /// `nil` for what is no such word.
    public init?(word: String) {
        let parts: [RejectedPart] =
            [.message, .template, .size, .window, .endpoint, .deadEndpoint] + MessageCategory.allCases.map { .optedOut($0) }
        guard let part = parts.first(where: { $0.word == word }) else { return nil }
        self = part
    }
}

/// Why a try did not succeed.
public struct DeliveryFailure: Hashable, Sendable {
    public var errorClass: ErrorClass
    /// The provider's own code: `550 5.1.1`, `131026`, `HTTP 503`.
    public var code: String?
    /// A summary that is safe to show and to log: no address, no content, no secret.
    public var message: String

    public init(_ errorClass: ErrorClass, code: String? = nil, _ message: String) {
        self.errorClass = errorClass
        self.code = code
        self.message = message
    }
}

/// The closed set of error classes that API, console and metrics speak of.
public enum ErrorClass: String, Hashable, Sendable, CaseIterable, Codable {
    case timeout
    case connection
    case throttled
    case providerUnavailable = "provider_unavailable"
    case recipientInvalid = "recipient_invalid"
    case contentRejected = "content_rejected"
    case policy
    case authentication
    case configuration
    case answerLost = "answer_lost"
    case `internal`
}
