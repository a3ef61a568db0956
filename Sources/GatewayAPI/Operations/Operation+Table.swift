import GatewayModel
import HTTPTypes

extension Access {
    private static let readers: Set<Role> = [.admin, .viewer, .operator]

    static let quotes = Access.roles([.admin, .quotes])
    static let senders = Access.roles([.admin, .sender])
    static let admins = Access.roles([.admin])
    static let adminsAndOperators = Access.roles([.admin, .operator])
    static let cancelling = Access.roles([.admin, .operator, .sender])
    static let reading = Access.roles(readers)
    static let readingQuotes = Access.roles(readers.union([.quotes]))
    static let readingDeliveries = Access.roles(readers.union([.quotes, .sender]))
}

extension Operation {
    private static let engine = "/api/v1/admin/organizations/me/workflow-engine"

    /// Where a call is made, and by whom.
    var row: Row {
        switch self {
        case .sendQuote: Row(.post, "/api/v1/quotes/{quoteId}/send", .quotes, body: .jsonWithFiles)
        case .publishQuoteEvents: Row(.post, "/api/v1/quote-events", .quotes, body: .jsonWithFiles)
        case .publishEvent: Row(.post, "/api/v1/events", .quotes, body: .jsonWithFiles)
        case .getQuote: Row(.get, "/api/v1/quotes/{quoteId}", .readingQuotes)
        case .listActivities: Row(.get, "/api/v1/quotes/{quoteId}/activities", .readingQuotes)
        case .explainQuote: Row(.get, "/api/v1/quotes/{quoteId}/explain", .readingQuotes)
        case .listEvents: Row(.get, "/api/v1/events", .readingQuotes)
        case .explainEvent: Row(.get, "/api/v1/events/{eventId}/explain", .readingQuotes)
        case .explainLead: Row(.get, "/api/v1/leads/{leadId}/explain", .reading)

        case .getPublicQuote: Row(.get, "/api/v1/public/quotes/{token}", .publicToken)
        case .acceptPublicQuote: Row(.post, "/api/v1/public/quotes/{token}/accept", .publicToken, body: .json)
        case .rejectPublicQuote: Row(.post, "/api/v1/public/quotes/{token}/reject", .publicToken, body: .json)
        case .watchPublicQuote: Row(.get, "/api/v1/public/quotes/{token}/events", .publicToken)

        case .getWorkflows: Row(.get, Self.engine + "/workflows", .reading)
        case .putWorkflows: Row(.put, Self.engine + "/workflows", .admins, body: .json)
        case .seedWorkflows: Row(.post, Self.engine + "/workflows/seed", .admins)
        case .createWorkflow: Row(.post, Self.engine + "/workflows", .admins, body: .json)
        case .getWorkflow: Row(.get, Self.engine + "/workflows/{workflowId}", .reading)
        case .updateWorkflow: Row(.patch, Self.engine + "/workflows/{workflowId}", .admins, body: .json)
        case .deleteWorkflow: Row(.delete, Self.engine + "/workflows/{workflowId}", .admins)
        case .createStep: Row(.post, Self.engine + "/workflows/{workflowId}/steps", .admins, body: .json)
        case .updateStep: Row(.patch, Self.engine + "/workflows/{workflowId}/steps/{stepId}", .admins, body: .json)
        case .deleteStep: Row(.delete, Self.engine + "/workflows/{workflowId}/steps/{stepId}", .admins)
        case .getAssignmentRules: Row(.get, Self.engine + "/assignment-rules", .reading)
        case .putAssignmentRules: Row(.put, Self.engine + "/assignment-rules", .admins, body: .json)
        case .putLead: Row(.put, Self.engine + "/leads/{leadId}", .admins, body: .json)
        case .getOverride: Row(.get, Self.engine + "/leads/{leadId}/override", .reading)
        case .putOverride: Row(.put, Self.engine + "/leads/{leadId}/override", .admins, body: .json)
        case .deleteOverride: Row(.delete, Self.engine + "/leads/{leadId}/override", .admins)
        case .resolveLead: Row(.get, Self.engine + "/leads/{leadId}/resolve", .reading)

        case .sendMessage: Row(.post, "/api/v1/messages", .senders, body: .jsonWithFiles)
        case .sendMessages: Row(.post, "/api/v1/messages/batch", .senders, body: .jsonWithFiles)
        case .listDeliveries: Row(.get, "/api/v1/deliveries", .readingDeliveries)
        case .getDelivery: Row(.get, "/api/v1/deliveries/{deliveryId}", .readingDeliveries)
        case .explainDelivery: Row(.get, "/api/v1/deliveries/{deliveryId}/explain", .readingDeliveries)
        case .retryDelivery: Row(.post, "/api/v1/deliveries/{deliveryId}/retry", .adminsAndOperators)
        case .cancelDelivery: Row(.post, "/api/v1/deliveries/{deliveryId}/cancel", .cancelling)
        case .resolveDelivery: Row(.post, "/api/v1/deliveries/{deliveryId}/resolve", .adminsAndOperators, body: .json)

        case .listSuppressions: Row(.get, "/api/v1/suppressions", .reading)
        case .addSuppression: Row(.post, "/api/v1/suppressions", .admins, body: .json)
        case .deleteSuppression: Row(.delete, "/api/v1/suppressions/{suppressionId}", .admins)
        case .checkSuppressions: Row(.post, "/api/v1/suppressions/check", .reading, body: .json)

        case .getOutboxHealth: Row(.get, "/api/v1/outbox/health", .reading)
        case .listAudit: Row(.get, "/api/v1/audit", .adminsAndOperators)
        case .streamDeliveries: Row(.get, "/api/v1/stream", .readingDeliveries)

        case .verifyCallback: Row(.get, "/api/v1/callbacks/{channel}/{account}", .open)
        case .receiveCallback: Row(.post, "/api/v1/callbacks/{channel}/{account}", .open, body: .raw)

        case .health: Row(.get, "/healthz", .open)
        case .readiness: Row(.get, "/readyz", .open)
        case .metrics: Row(.get, "/metrics", .local)
        case .document: Row(.get, "/openapi.yaml", .open)
        case .console: Row(.get, "/console", .open)
        case .consoleAsset: Row(.get, "/console/{asset}", .open)
        }
    }
}
