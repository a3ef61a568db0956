import AdapterKit
import HTTPTypes
import Hummingbird
import Logging

/// Goes around every call: gives it an id, turns errors into answers, and sets the headers that all answers have.
struct Envelope: RouterMiddleware {
    typealias Context = GatewayContext

    let allowedOrigins: [String]
    let clock: any WallClock
    let stop: StopFlag

    @concurrent func handle(
        _ request: Request, context: GatewayContext, next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let requestID = Self.requestID(request)
        let startedAt = clock.now
        var context = context
        context.logger[metadataKey: "requestId"] = "\(requestID)"
        var response: Response
        if request.method == .options, isPublicQuoteCall(request) {
            response = Response(status: .noContent, headers: [.allow: "GET, POST, OPTIONS"])
        } else {
            do { response = try await next(request, context) } catch { response = answer(to: error, request, context, requestID) }
        }
        response.headers[.requestID] = requestID
        response.headers[.xContentTypeOptions] = "nosniff"
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        // Whoever keeps the connection makes his next call elsewhere.
        if stop.isRaised { response.headers[.connection] = "close" }
        allowOrigin(request, &response)
        context.logger.debug(
            "answered",
            metadata: [
                "method": "\(request.method.rawValue)", "path": "\(context.endpointPath ?? "")", "status": "\(response.status.code)",
                "seconds": "\((clock.now - startedAt).inSeconds)",
            ])
        return response
    }

    private func answer(to error: any Error, _ request: Request, _ context: GatewayContext, _ requestID: String) -> Response {
        let refusal: APIError
        if let error = error as? HTTPError, error.status == .notFound {
            let allowed = Operation.methods(at: request.uri.path[...])
            refusal =
                allowed.isEmpty || allowed.contains(request.method)
                ? .notFound
                : APIError(
                    .methodNotAllowed, "This path has no \(request.method.rawValue).",
                    headers: [.allow: allowed.map(\.rawValue).joined(separator: ", ")])
        } else {
            refusal = APIError(error)
            if let words = APIError.words(forLog: error) {
                context.logger.error("a call failed", metadata: ["path": "\(context.endpointPath ?? "")", "error": "\(words)"])
            }
        }
        return .json(refusal.json(requestID: requestID), status: refusal.code.status, headers: refusal.headers)
    }

    /// The caller's own id where it is harmless in a log, else a new one.
    private static func requestID(_ request: Request) -> String {
        if let given = request.headers[.requestID], (1...128).contains(given.utf8.count), given.utf8.allSatisfy(isHarmless) { return given }
        return UUIDBits.version7().text
    }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5F: true
        default: false
        }
    }

    // MARK: Pages of other origins

    private func isPublicQuoteCall(_ request: Request) -> Bool { request.uri.path.hasPrefix("/api/v1/public/quotes/") }

    /// Lets the pages that the configuration names make the public quote calls (Fetch Standard, section 3.3).
    private func allowOrigin(_ request: Request, _ response: inout Response) {
        guard isPublicQuoteCall(request), !allowedOrigins.isEmpty else { return }
        response.headers[.vary] = "Origin"
        guard let origin = request.headers[.origin] else { return }
        guard allowedOrigins.contains(origin) || allowedOrigins.contains("*") else { return }
        response.headers[.accessControlAllowOrigin] = allowedOrigins.contains("*") ? "*" : origin
        response.headers[.accessControlExposeHeaders] = "Retry-After, X-Request-Id"
        if request.method == .options {
            response.headers[.accessControlAllowMethods] = "GET, POST"
            response.headers[.accessControlAllowHeaders] = "Content-Type, Last-Event-ID, X-Request-Id"
            response.headers[.accessControlMaxAge] = "600"
        }
    }
}
