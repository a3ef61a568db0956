import AdapterKit

/// Paths that make the webhook simulator misbehave without a script.
///
/// | Path | What happens |
/// | --- | --- |
/// | `/status/N` | status N; with `?retry-after=S` also that header |
/// | `/slow` | 200 after `WebhookSimulator.Options.slowDelay`, or after `?ms=N` milliseconds |
/// | `/redirect` | 302 to `/redirected` |
/// | `/hang` `/close` `/reset` `/garbage` | after the request was read: no answer; FIN; RST; bytes that are not HTTP |
/// | `/partial` | half of a 200 reply, then FIN |
enum MagicPath {
    static func reaction(to request: ReceivedRequest, slowDelay: Duration) -> HTTPReaction? {
        let parts = request.pathParts
        switch parts.first {
        case "status":
            guard parts.count > 1, let status = Int(parts[1]), (200...599).contains(status) else { return nil }
            let retryAfter = request.query("retry-after").map { [HTTPHeader("Retry-After", $0)] } ?? []
            return .answer(HTTPAnswer(status, headers: retryAfter))
        case "slow":
            let delay = request.query("ms").flatMap { Int64($0) }.map { Duration.milliseconds($0) } ?? slowDelay
            return .after(delay, .answer(HTTPAnswer(200)))
        case "redirect": return .answer(HTTPAnswer(302, headers: [HTTPHeader("Location", "/redirected")]))
        case "hang": return .fault(.hang)
        case "close": return .fault(.close)
        case "reset": return .fault(.reset)
        case "garbage": return .fault(.garbage)
        case "partial": return .partial(HTTPAnswer(200, json: ["received": true]))
        default: return nil
        }
    }
}
