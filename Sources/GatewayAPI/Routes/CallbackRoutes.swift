import AdapterKit
import GatewayCore
import GatewayModel
import HTTPTypes
import Hummingbird
import NIOCore

/// What providers call us back with.
struct CallbackRoutes {
    let services: GatewayServices

    func receive(_ call: Call) async throws -> Response {
        let name = ChannelName(rawValue: try call.path("channel"))
        // Only the operator's own accounts have callbacks; there is one for each channel.
        guard try call.path("account") == "default", let adapter = services.channels[name]?.adapter as? any CallbackReceiving else {
            throw APIError.notFound
        }
        let body = call.request.method == .get ? [] : try await call.bytes()
        let result = adapter.receive(callback(call, body: body))
        // Stored before it is answered: a provider that hears of no success calls again.
        try await services.reports.ingest(result.reports, channel: name, organizationID: nil)
        for message in result.inbound {
            for organizationID in try await organizations(of: message, channel: name) {
                try await services.reports.ingest([message], organizationID: organizationID)
            }
        }
        if result.status >= 400 {
            throw APIError(ErrorCode.allCases.first { $0.status.code == result.status } ?? .invalidRequest, "The call was not taken.")
        }
        return Response(
            status: .init(code: result.status), headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: result.body)))
    }

    private func callback(_ call: Call, body: [UInt8]) -> InboundCallback {
        let query = Dictionary(
            call.request.uri.queryParameters.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { first, _ in first })
        let headers = Dictionary(
            call.request.headers.map { ($0.name.canonicalName, $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
        return InboundCallback(
            method: call.request.method.rawValue, query: query, headers: headers, body: body, receivedAt: services.clock.now)
    }

    /// Whom somebody writes to on a shared account: whoever sent what is answered, and everybody who wrote to that address from it lately.
    private func organizations(of message: InboundMessage, channel: ChannelName) async throws -> Set<OrganizationID> {
        var found: Set<OrganizationID> = []
        if let answered = message.inReplyTo {
            let report = DeliveryReport(providerMessageID: answered, kind: .reply, at: message.at)
            let stored = StoredReport(id: .make(), channel: channel, report: report, receivedAt: message.at)
            if let delivery = try await services.store.delivery(for: stored) { found.insert(delivery.organizationID) }
        }
        let query = DeliveryQuery(channel: channel, address: message.from.address, now: services.clock.now, limit: 500)
        found.formUnion(try await services.store.deliveries(query).elements.map(\.organizationID))
        return found
    }
}
