import AdapterKit

/// What a receiver's answer means for a plain URL, by its status alone: a body that broke off changes nothing.
enum ResponseTable {
    static func outcome(of result: HTTPResult) -> DeliveryOutcome {
        switch result {
        case .reply(let reply): outcome(of: reply)
        case .failure(let failure): outcome(of: failure)
        }
    }

    private static func outcome(of reply: HTTPReply) -> DeliveryOutcome {
        let code = "HTTP \(reply.status)"
        let hint = reply.retryAfter
        func failure(_ errorClass: ErrorClass, _ message: String) -> DeliveryFailure { DeliveryFailure(errorClass, code: code, message) }
        switch reply.status {
        case 200...299: return .accepted(Acceptance(code: code))
        // A redirect is not followed: it would carry the signed body to where nobody asked for it.
        case 300...399: return .rejected(failure(.policy, "the target redirects, and redirects are not followed"), of: .endpoint)
        case 408: return .deferred(failure(.timeout, "the target timed out"), retryAfter: hint)
        case 425: return .deferred(failure(.providerUnavailable, "the target asks for a later try"), retryAfter: hint)
        case 429:
            let tooMany = failure(.throttled, "the target has had too many calls")
            return hint == nil ? .deferred(tooMany) : .throttled(tooMany, retryAfter: hint)
        case 502, 503, 504:
            let away = failure(.providerUnavailable, "the target is not available")
            return hint == nil ? .deferred(away) : .throttled(away, retryAfter: hint)
        case 500...599: return .deferred(failure(.providerUnavailable, "the target failed"), retryAfter: hint)
        case 413: return .rejected(failure(.contentRejected, "the call is larger than the target takes"), of: .size)
        case 400, 415, 422: return .rejected(failure(.contentRejected, "the target refused the call"), of: .endpoint)
        case 410: return .rejected(failure(.recipientInvalid, "the target is gone"), of: .endpoint)
        case 401...499: return .rejected(failure(.recipientInvalid, "the target does not take calls"), of: .endpoint)
        default: return .deferred(failure(.providerUnavailable, "the target's answer is not one of HTTP"), retryAfter: hint)
        }
    }

    private static func outcome(of failure: HTTPFailure) -> DeliveryOutcome {
        // The far end knows a repeated call by its webhook-id, so a lost answer is no harm, only unknown.
        if failure.mayHaveArrived { return .answerLost(DeliveryFailure(.answerLost, failure.message)) }
        switch failure.reason {
        case .forbiddenAddress: return .rejected(DeliveryFailure(.policy, failure.message), of: .endpoint)
        case .invalidRequest: return .rejected(DeliveryFailure(.internal, failure.message), of: .message)
        case .timeout: return .deferred(DeliveryFailure(.timeout, failure.message))
        case .nameResolution, .connect, .tls, .closed, .malformedReply: return .deferred(DeliveryFailure(.connection, failure.message))
        }
    }
}
