import AdapterContract
import AdapterKit
import Logging
import Testing

/// The contract is worth what it catches: each of these adapters is wrong in one way.
@Suite("Wrong adapters")
struct FlawTests {
    private static let sample = Result {
        try GoldenCase(
            yaml: """
                name: sample
                settings: { token: word-that-is-secret }
                request: { to: "https://hooks.example/in", content: { type: quote.sent, data: { customer: "J. Jansen" } } }
                http: { expect: { url: "https://hooks.example/in" }, reply: { status: 200 } }
                outcome: { kind: accepted }
                """, channel: .webhook, file: "sample")
    }

    private static let flaws: [any Flaw.Type] = [
        RateLimitIsFinal.self, HintIgnored.self, SecretInError.self, AddressInLog.self, ServerErrorSwallowed.self, ServerErrorFinal.self,
        WrongID.self,
        HidesCancellation.self, TriesAgain.self, LostIsDeferred.self, LostIsAlways.self, AnyAnswerIsYes.self, TimeInBody.self,
        ForgetsDeadline.self,
        SendsAnything.self, NotIdempotent.self, ForbiddenAgain.self, MixesUp.self,
    ]

    @Test(.timeLimit(.minutes(1)), arguments: flaws.indices)
    func areCaught(_ index: Int) async throws {
        let flaw = Self.flaws[index]
        let violations = try await flaw.contract(Self.sample.get()).violations(of: flaw.rule)
        #expect(!violations.isEmpty, "\(flaw) breaks \(flaw.rule.rawValue) unseen")
    }

    @Test(.timeLimit(.minutes(1)), arguments: ContractRule.allCases)
    func theSoundOneIsNotAccused(_ rule: ContractRule) async throws {
        let violations = try await NoFlaw.contract(Self.sample.get()).violations(of: rule)
        #expect(violations.isEmpty)
    }
}

extension Flaw {
    fileprivate static func contract(_ sample: GoldenCase) throws -> AdapterContract {
        try AdapterContract(FlawedAdapter<Self>.self, sample: sample, acceptance: .status)
    }
}

private enum NoFlaw: Flaw {
    static let rule = ContractRule.oneCall
    static func deliver(_ request: DeliveryRequest, by sound: WebhookLike) async throws(CancellationError) -> DeliveryOutcome {
        try await sound.deliver(request)
    }
}

/// A flaw that judges the answer wrongly and is sound otherwise.
private protocol WrongJudgement: Flaw {
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome
}

extension WrongJudgement {
    static func deliver(_ request: DeliveryRequest, by sound: WebhookLike) async throws(CancellationError) -> DeliveryOutcome {
        guard (try? request.content.json()) != nil else { return try await sound.deliver(request) }
        let result = try await sound.environment.http.send(sound.call(request))
        return judge(result, sound.judge(result), sound, request)
    }
}

private func status(_ result: HTTPResult) -> Int? { if case .reply(let reply) = result { reply.status } else { nil } }

private enum RateLimitIsFinal: WrongJudgement {
    static let rule = ContractRule.troublePasses
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        status(result) == 429 ? .rejected(DeliveryFailure(.throttled, "too many"), of: .endpoint) : right
    }
}

private enum HintIgnored: WrongJudgement {
    static let rule = ContractRule.hintHonoured
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        if case .deferred(let failure, _) = right { .deferred(failure) } else { right }
    }
}

private enum SecretInError: WrongJudgement {
    static let rule = ContractRule.keepsSecrets
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        guard case .rejected = right, case .reply(let reply) = result else { return right }
        return .rejected(DeliveryFailure(.recipientInvalid, "said: \(String(decoding: reply.body, as: UTF8.self))"), of: .endpoint)
    }
}

private enum AddressInLog: WrongJudgement {
    static let rule = ContractRule.keepsSecrets
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        sound.environment.logger.trace("called", metadata: ["to": "\(request.endpoint.address)"])
        return right
    }
}

private enum ServerErrorSwallowed: WrongJudgement {
    static let rule = ContractRule.troublePasses
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        status(result) == 502 ? .accepted(Acceptance()) : right
    }
}

private enum ServerErrorFinal: WrongJudgement {
    static let rule = ContractRule.troublePasses
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        status(result) == 500 ? .rejected(DeliveryFailure(.providerUnavailable, "failed"), of: .message) : right
    }
}

private enum LostIsDeferred: WrongJudgement {
    static let rule = ContractRule.lostAnswer
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        if case .answerLost(let failure) = right { .deferred(failure) } else { right }
    }
}

private enum LostIsAlways: WrongJudgement {
    static let rule = ContractRule.nothingLeft
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        if case .failure = result { .answerLost(DeliveryFailure(.answerLost, "lost")) } else { right }
    }
}

private enum AnyAnswerIsYes: WrongJudgement {
    static let rule = ContractRule.garbageNotAccepted
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        (status(result) ?? 500) < 400 ? .accepted(Acceptance()) : right
    }
}

private enum ForbiddenAgain: WrongJudgement {
    static let rule = ContractRule.forbiddenAddress
    static func judge(_ result: HTTPResult, _ right: DeliveryOutcome, _ sound: WebhookLike, _ request: DeliveryRequest) -> DeliveryOutcome {
        if case .rejected(let failure, _) = right, failure.errorClass == .policy { .deferred(failure) } else { right }
    }
}

/// A flaw that sends a wrong call and is sound otherwise.
private protocol WrongCall: Flaw {
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike)
}

extension WrongCall {
    static func deliver(_ request: DeliveryRequest, by sound: WebhookLike) async throws(CancellationError) -> DeliveryOutcome {
        var call = sound.call(request)
        spoil(&call, request, sound)
        return sound.judge(try await sound.environment.http.send(call))
    }
}

private enum WrongID: WrongCall {
    static let rule = ContractRule.wireID
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike) {
        if request.attempt > 1 { call.headers[0].value = DeliveryID.make().description }
    }
}

private enum MixesUp: WrongCall {
    static let rule = ContractRule.parallelTries
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike) {
        call.headers[0].value = DeliveryID(UUIDBits(high: 1, low: 1)).description
    }
}

private enum TimeInBody: WrongCall {
    static let rule = ContractRule.sameBytes
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike) {
        call.body += Array("\(sound.environment.clock.now)".utf8)
    }
}

private enum ForgetsDeadline: WrongCall {
    static let rule = ContractRule.withinDeadline
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike) { call.timeout = .seconds(15) }
}

private enum NotIdempotent: WrongCall {
    static let rule = ContractRule.idempotenceDeclared
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike) { call.isIdempotent = false }
}

private enum SendsAnything: WrongCall {
    static let rule = ContractRule.undecodableContent
    static func spoil(_ call: inout HTTPRequest, _ request: DeliveryRequest, _ sound: WebhookLike) {}
}

private enum TriesAgain: Flaw {
    static let rule = ContractRule.oneCall
    static func deliver(_ request: DeliveryRequest, by sound: WebhookLike) async throws(CancellationError) -> DeliveryOutcome {
        let first = try await sound.deliver(request)
        if case .deferred = first { return try await sound.deliver(request) }
        return first
    }
}

private enum HidesCancellation: Flaw {
    static let rule = ContractRule.cancellation
    static func deliver(_ request: DeliveryRequest, by sound: WebhookLike) async throws(CancellationError) -> DeliveryOutcome {
        do { return try await sound.deliver(request) } catch { return .deferred(DeliveryFailure(.timeout, "cancelled")) }
    }
}
