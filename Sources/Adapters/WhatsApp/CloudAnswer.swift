import AdapterKit

/// Reads the provider's answers to our calls.
enum CloudAnswer {
    static func outcome(of result: HTTPResult, attempt: Int, countedAttempt: Int) -> DeliveryOutcome {
        switch result {
        case .failure(let failure): return outcome(of: failure)
        case .reply(let reply):
            let json = reply.isTruncated ? nil : try? JSONValue(parsing: reply.body)
            if let error = json.flatMap({ CloudError($0["error"]) }) {
                return outcome(of: error, reply, attempt: attempt, countedAttempt: countedAttempt)
            }
            guard reply.status == 200 else { return outcome(ofBare: reply) }
            guard let message = json?["messages"]?[0], let id = message["id"]?.stringValue, !id.isEmpty else {
                return .answerLost(DeliveryFailure(.answerLost, code: "HTTP 200", "the provider's answer names no message"))
            }
            let held = message["message_status"]?.stringValue.flatMap { ["held_for_quality_assessment", "paused"].contains($0) ? $0 : nil }
            return .accepted(Acceptance(providerMessageID: id, code: "HTTP 200", summary: held))
        }
    }

    /// A probe sends nothing, so that nothing of it can be in doubt and no message can be at fault.
    static func outcome(ofProbe result: HTTPResult) -> DeliveryOutcome {
        if case .reply(let reply) = result, reply.status == 200, let json = try? JSONValue(parsing: reply.body), json["id"] != nil,
            json["error"] == nil
        {
            return .accepted(Acceptance(code: "HTTP 200"))
        }
        switch outcome(of: result, attempt: 1, countedAttempt: 1) {
        case .answerLost(let failure): return .deferred(DeliveryFailure(.connection, code: failure.code, failure.message))
        case .rejected(let failure, _): return .channelFault(DeliveryFailure(.configuration, code: failure.code, failure.message))
        case .accepted:
            return .deferred(DeliveryFailure(.providerUnavailable, code: "HTTP 200", "the provider's answer is not one to a probe"))
        case let other: return other
        }
    }

    private static func outcome(of error: CloudError, _ reply: HTTPReply, attempt: Int, countedAttempt: Int) -> DeliveryOutcome {
        let hint = reply.retryAfter
        guard let row = CloudErrorTable.row(for: error.code) else {
            if error.isTransient || reply.status == 429 || reply.status >= 500 {
                let errorClass: ErrorClass = reply.status == 429 ? .throttled : .providerUnavailable
                return .deferred(error.failure(errorClass, "an unknown error that may pass"), retryAfter: hint)
            }
            return .rejected(error.failure(.contentRejected, "an unknown error"), of: .message)
        }
        let failure = error.failure(row.errorClass, row.meaning)
        switch row.verdict {
        case .channelFault: return .channelFault(failure)
        case .rejected(let part): return .rejected(failure, of: part)
        case .throttled: return .throttled(failure, retryAfter: hint)
        case .throttledPair: return .throttled(failure, retryAfter: hint ?? .seconds(1 << (2 * min(max(attempt - 1, 0), 6))))
        case .deferred(let wait, let tries):
            if let tries, countedAttempt > tries { return .rejected(failure, of: .message) }
            return .deferred(failure, retryAfter: hint ?? wait)
        }
    }

    /// An answer without an error object: not the API itself but something before it.
    private static func outcome(ofBare reply: HTTPReply) -> DeliveryOutcome {
        let code = "HTTP \(reply.status)"
        func failure(_ errorClass: ErrorClass, _ message: String) -> DeliveryFailure { DeliveryFailure(errorClass, code: code, message) }
        switch reply.status {
        case 201...299: return .answerLost(failure(.answerLost, "the provider's answer names no message"))
        case 300...399, 404: return .channelFault(failure(.configuration, "there is no such API at the base URL"))
        case 401, 403: return .channelFault(failure(.authentication, "the call was refused"))
        case 408, 425: return .deferred(failure(.timeout, "the provider asks for a later try"), retryAfter: reply.retryAfter)
        case 429: return .throttled(failure(.throttled, "too many calls"), retryAfter: reply.retryAfter)
        case 400...499: return .rejected(failure(.contentRejected, "the call was refused"), of: .message)
        default: return .deferred(failure(.providerUnavailable, "the provider is not available"), retryAfter: reply.retryAfter)
        }
    }

    private static func outcome(of failure: HTTPFailure) -> DeliveryOutcome {
        if failure.mayHaveArrived { return .answerLost(DeliveryFailure(.answerLost, failure.message)) }
        switch failure.reason {
        case .forbiddenAddress: return .channelFault(DeliveryFailure(.policy, failure.message))
        case .invalidRequest: return .channelFault(DeliveryFailure(.configuration, failure.message))
        case .timeout: return .deferred(DeliveryFailure(.timeout, failure.message))
        case .nameResolution, .connect, .tls, .closed, .malformedReply: return .deferred(DeliveryFailure(.connection, failure.message))
        }
    }
}

/// The error object of an answer or of a status report. Its title and details may echo what we sent and are not kept.
struct CloudError: Sendable {
    var code: Int
    var isTransient: Bool
    /// The provider's own name for the call, for its support.
    var trace: String?

    /// `nil` when there is no error object with a code.
    init?(_ json: JSONValue?) {
        guard let json, json.objectValue != nil else { return nil }
        guard let code = json["code"]?.intValue ?? json["code"]?.stringValue.flatMap(Int64.init) else { return nil }
        self.code = Int(code)
        isTransient = json["is_transient"]?.boolValue ?? false
        let trace = json["fbtrace_id"]?.stringValue ?? ""
        let isName =
            (1...64).contains(trace.count) && trace.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        self.trace = isName ? trace : nil
    }

    func failure(_ errorClass: ErrorClass, _ meaning: String) -> DeliveryFailure {
        DeliveryFailure(errorClass, code: String(code), trace.map { "\(meaning) (trace \($0))" } ?? meaning)
    }
}
