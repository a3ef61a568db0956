public import GatewayModel
import WorkflowEngine

extension StoredEvent {
    /// The names under which a quote system tells of quotes, and the triggers they stand for.
    public static let quoteTypes = [
        (type: "quotes.quote.sent", trigger: DecisionTable.quoteSent),
        (type: "quotes.quote.accepted", trigger: DecisionTable.quoteAccepted),
        (type: "quotes.quote.rejected", trigger: DecisionTable.quoteRejected),
    ]

    public static func type(of trigger: String) -> String { quoteTypes.first { $0.trigger == trigger }?.type ?? trigger }
    public static func trigger(ofType type: String) -> String? { quoteTypes.first { $0.type == type }?.trigger }
}
