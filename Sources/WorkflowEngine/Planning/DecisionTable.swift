public import AdapterKit
public import GatewayModel

/// The rows that every event of a quote is decided for, whether or not a workflow speaks of them.
public struct DecisionRow: Hashable, Sendable {
    public var channel: ChannelName
    public var audience: Audience
    /// A mail went out here before there were workflows, and still does where none speaks.
    public var hasLegacyPath: Bool
}

public enum DecisionTable {
    public static let quoteSent = "quote_sent"
    public static let quoteAccepted = "quote_accepted"
    public static let quoteRejected = "quote_rejected"

    /// The rows of a trigger; none for triggers that are not about quotes.
    public static func rows(of trigger: String) -> [DecisionRow] {
        switch trigger {
        case quoteSent:
            [
                DecisionRow(channel: .email, audience: .lead, hasLegacyPath: true),
                DecisionRow(channel: .whatsapp, audience: .lead, hasLegacyPath: false),
            ]
        case quoteAccepted:
            [
                DecisionRow(channel: .email, audience: .lead, hasLegacyPath: true),
                DecisionRow(channel: .whatsapp, audience: .lead, hasLegacyPath: false),
                DecisionRow(channel: .email, audience: .partner, hasLegacyPath: true),
            ]
        case quoteRejected:
            [
                DecisionRow(channel: .email, audience: .lead, hasLegacyPath: false),
                DecisionRow(channel: .whatsapp, audience: .lead, hasLegacyPath: false),
            ]
        default: []
        }
    }
}
