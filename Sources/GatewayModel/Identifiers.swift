public import AdapterKit

public enum EventTag {}
public enum DecisionTag {}
public enum WorkflowTag {}
public enum StepTag {}
public enum RuleTag {}
public enum SuppressionTag {}
public enum AuditTag {}
public enum APIKeyTag {}
public enum ActivityTag {}
public enum ReportTag {}
public typealias EventID = ID<EventTag>
public typealias DecisionID = ID<DecisionTag>
public typealias WorkflowID = ID<WorkflowTag>
public typealias StepID = ID<StepTag>
public typealias RuleID = ID<RuleTag>
public typealias SuppressionID = ID<SuppressionTag>
public typealias AuditID = ID<AuditTag>
public typealias APIKeyID = ID<APIKeyTag>
public typealias ActivityID = ID<ActivityTag>
public typealias ReportID = ID<ReportTag>

/// The quote system's id of a quote; unique within its organization. A UUID is kept in lower case.
public struct QuoteID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// `nil` for a blank id or one of more than 200 characters.
    public init?(_ text: String) {
        guard let key = callerKey(text) else { return nil }
        self.text = key
    }

    public var description: String { text }
    public static func < (a: QuoteID, b: QuoteID) -> Bool { a.text < b.text }
}

/// The quote system's id of a lead; unique within its organization. A UUID is kept in lower case.
public struct LeadID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// `nil` for a blank id or one of more than 200 characters.
    public init?(_ text: String) {
        guard let key = callerKey(text) else { return nil }
        self.text = key
    }

    public var description: String { text }
    public static func < (a: LeadID, b: LeadID) -> Bool { a.text < b.text }
}

private func callerKey(_ text: String) -> String? {
    if let uuid = UUIDBits(text) { return uuid.text }
    guard text.count <= 200, !text.allSatisfy(\.isWhitespace), !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else { return nil }
    return text
}
