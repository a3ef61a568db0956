import GatewayModel
import HTTPTypes

/// One call that the API offers. Routes, roles and the document are held to the table in `Operation+Table.swift`.
enum Operation: String, CaseIterable, Sendable {
    case sendQuote, publishQuoteEvents, publishEvent
    case getQuote, listActivities, explainQuote
    case listEvents, explainEvent, explainLead
    case getPublicQuote, acceptPublicQuote, rejectPublicQuote, watchPublicQuote
    case getWorkflows, putWorkflows, seedWorkflows, createWorkflow, getWorkflow, updateWorkflow, deleteWorkflow
    case createStep, updateStep, deleteStep, getAssignmentRules, putAssignmentRules
    case putLead, getOverride, putOverride, deleteOverride, resolveLead
    case sendMessage, sendMessages
    case listDeliveries, getDelivery, explainDelivery, retryDelivery, cancelDelivery, resolveDelivery
    case listSuppressions, addSuppression, deleteSuppression, checkSuppressions
    case getOutboxHealth, listAudit, streamDeliveries
    case verifyCallback, receiveCallback
    case health, readiness, metrics, document, console, consoleAsset
}

/// Who may make a call.
enum Access: Hashable, Sendable {
    /// Anybody.
    case open
    /// Whoever holds a quote's public token.
    case publicToken
    /// A caller on this very machine that no proxy stands before, or an operator.
    case local
    /// Keys and signed tokens with one of these roles.
    case roles(Set<Role>)

    /// The words of the document's `x-role`, sorted.
    var words: [String] {
        switch self {
        case .open: ["none"]
        case .publicToken: ["public-token"]
        case .local: ["loopback", "operator"]
        case .roles(let roles): roles.map(\.rawValue).sorted()
        }
    }
}

/// What a call brings.
enum BodyRule: Hashable, Sendable {
    case none
    case json
    /// JSON in which files may stand.
    case jsonWithFiles
    /// Whatever a provider sends.
    case raw

    /// The most bytes that are read.
    var limit: Int {
        switch self {
        case .none, .json, .raw: 1024 * 1024
        case .jsonWithFiles: 25 * 1024 * 1024
        }
    }
}

extension Operation {
    struct Row: Sendable {
        var method: HTTPRequest.Method
        /// With captures in braces, as the document writes them.
        var path: String
        var access: Access
        var body: BodyRule

        init(_ method: HTTPRequest.Method, _ path: String, _ access: Access, body: BodyRule = .none) {
            self.method = method
            self.path = path
            self.access = access
            self.body = body
        }
    }

    /// The methods that some call has at this path; empty for a path that is not known.
    static func methods(at path: Substring) -> [HTTPRequest.Method] {
        let asked = path.split(separator: "/")
        return allCases.map(\.row).filter { row in
            let pattern = row.path.split(separator: "/")
            return pattern.count == asked.count && zip(pattern, asked).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }.map(\.method)
    }

    /// What every node answers, whatever it is there for.
    var isProbe: Bool { self == .health || self == .readiness || self == .metrics }
}
