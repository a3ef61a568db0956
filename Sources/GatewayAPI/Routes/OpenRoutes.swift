import AdapterKit
import GatewayCore
import GatewayModel
import HTTPTypes
import Hummingbird
import NIOCore
import QuoteBridge

/// What is there without a token: probes, figures, the document and the console's files.
struct OpenRoutes {
    let services: GatewayServices

    func health() -> Response { .json(["status": "ok"]) }

    /// 503 only when nothing can be recorded, the schema is unusable, or the daemon is stopping.
    func readiness() async -> Response {
        var store: StoreError?
        var pending = 0
        do {
            pending = try await services.bridge.asking { () async throws(StoreError) in
                try await services.store.checkWritable()
                return try await services.store.migrations().count { $0.state != .applied }
            }
        } catch { store = error }
        let spool = await SpoolReadiness(services.bridge.spool, at: services.clock.now)
        var detail = store.map { [$0.description] } ?? []
        if pending > 0 { detail.append(pending == 1 ? "a migration is pending" : "\(pending) migrations are pending") }
        detail += spool.detail
        for (channel, failure) in services.metrics.snapshot.pausedAccounts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            detail.append("the account of channel \(channel) is paused: \(failure.errorClass.rawValue)")
        }
        let redis = services.coordination?.figures.isUp
        if redis == false { detail.append("Redis is away: limits are each node's share, and waking takes longer") }
        let isStopping = services.stop.isRaised
        if isStopping { detail.append("the daemon is stopping") }
        let isUseless = isStopping || store != nil && !spool.takesEvents(despite: store)
        return .json(
            .record([
                "status": isUseless ? "unavailable" : detail.isEmpty ? "ok" : "degraded",
                "store": store == nil ? "ok" : "unavailable",
                "migrations": store != nil ? "unknown" : pending > 0 ? "pending" : "ok",
                "redis": redis.map { $0 ? "ok" : "degraded" } ?? "off", "spool": spool.json,
                "detail": detail.isEmpty ? nil : .array(detail.map { .string($0) }),
            ]), status: isUseless ? .serviceUnavailable : .ok)
    }

    func metrics() async throws -> Response {
        let now = services.clock.now
        let counts: OutboxCounts?
        do throws(StoreError) {
            counts = try await services.bridge.asking { () async throws(StoreError) in
                try await services.store.counts(at: now, organizationID: nil)
            }
        } catch {
            // What a spool does meanwhile is what people look for then.
            guard services.bridge.spool != nil else { throw error }
            counts = nil
        }
        let text = MetricsText(
            counts, services.metrics.snapshot, store: services.store.statistics, spool: services.bridge.spool?.status,
            configured: services.channels, coordination: services.coordination?.figures, now: now
        ).text
        return file(Array(text.utf8), "text/plain; version=0.0.4; charset=utf-8")
    }

    func document() -> Response { file(OpenAPIDocument.bytes, "application/yaml") }

    func console() -> Response {
        var page = file(PackageResources.console_html, "text/html; charset=utf-8")
        page.headers[.contentSecurityPolicy] = [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
            "frame-ancestors 'none'",
        ].joined(separator: "; ")
        page.headers[.referrerPolicy] = "no-referrer"
        return page
    }

    func consoleAsset(_ call: Call) throws -> Response {
        switch try call.path("asset") {
        case "console.css": file(PackageResources.console_css, "text/css; charset=utf-8")
        case "console.js": file(PackageResources.console_js, "text/javascript; charset=utf-8")
        default: throw APIError.notFound
        }
    }

    private func file(_ bytes: [UInt8], _ type: String) -> Response {
        Response(status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
