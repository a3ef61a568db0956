import Hummingbird

extension GatewayAPI {
    /// Hands a call to its handler.
    func answer(_ call: Call) async throws -> Response {
        let quotes = QuoteRoutes(services: services)
        let events = EventRoutes(services: services)
        let messages = MessageRoutes(services: services)
        let deliveries = DeliveryRoutes(services: services)
        let publicQuotes = PublicQuoteRoutes(services: services, limits: limits)
        let suppressions = SuppressionRoutes(services: services)
        let outbox = OutboxRoutes(services: services)
        let callbacks = CallbackRoutes(services: services)
        let open = OpenRoutes(services: services)
        switch call.operation {
        case .sendQuote: return try await quotes.send(call)
        case .publishQuoteEvents: return try await quotes.publishQuoteEvents(call)
        case .publishEvent: return try await quotes.publishEvent(call)
        case .getQuote: return try await quotes.get(call)
        case .listActivities: return try await quotes.activities(call)
        case .explainQuote: return try await quotes.explain(call)
        case .listEvents: return try await events.list(call)
        case .explainEvent: return try await events.explain(call)
        case .explainLead: return try await events.explainLead(call)
        case .sendMessage: return try await messages.send(call)
        case .sendMessages: return try await messages.sendBatch(call)
        case .listDeliveries: return try await deliveries.list(call)
        case .getDelivery: return try await deliveries.get(call)
        case .explainDelivery: return try await deliveries.explain(call)
        case .retryDelivery: return try await deliveries.retry(call)
        case .cancelDelivery: return try await deliveries.cancel(call)
        case .resolveDelivery: return try await deliveries.resolve(call)
        case .getPublicQuote: return try await publicQuotes.get(call)
        case .acceptPublicQuote: return try await publicQuotes.accept(call)
        case .rejectPublicQuote: return try await publicQuotes.reject(call)
        case .watchPublicQuote: return try await publicQuotes.watch(call)
        case .listSuppressions: return try await suppressions.list(call)
        case .addSuppression: return try await suppressions.add(call)
        case .deleteSuppression: return try await suppressions.delete(call)
        case .checkSuppressions: return try await suppressions.check(call)
        case .getOutboxHealth: return try await outbox.health(call)
        case .listAudit: return try await outbox.audit(call)
        case .streamDeliveries: return try await outbox.stream(call)
        case .verifyCallback, .receiveCallback: return try await callbacks.receive(call)
        case .health: return open.health()
        case .readiness: return await open.readiness()
        case .metrics: return try await open.metrics()
        case .document: return open.document()
        case .console: return open.console()
        case .consoleAsset: return try open.consoleAsset(call)
        default: throw APIError.notFound
        }
    }
}
