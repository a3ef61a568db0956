public import AdapterKit

/// Holds an adapter to the rules that are the same for every channel.
///
/// It starts from a golden case whose outcome is `accepted`: that gives valid settings, a valid request, and the provider's yes.
public struct AdapterContract: Sendable {
    /// What the provider's yes is known by.
    public enum Acceptance: String, Sendable, CaseIterable {
        /// A reply's status alone.
        case status
        /// What the reply says.
        case body
    }

    let type: any ChannelAdapter.Type
    let sample: GoldenCase
    let exchange: GoldenCase.Exchange
    let endpoint: Endpoint
    let acceptance: Acceptance

    /// Throws a fault when the case does not end in acceptance after a call.
    public init(_ type: any ChannelAdapter.Type, sample: GoldenCase, acceptance: Acceptance) throws(Faults) {
        guard case .exchange(let exchange?, let outcome) = sample.check, outcome.kind == .accepted, !sample.isProbe else {
            throw Faults([Fault(sample.file, "does not end in acceptance after a call")])
        }
        do { endpoint = try type.endpoint(from: sample.request.to) } catch { throw Faults([Fault("request.to", error.message)]) }
        self.type = type
        self.sample = sample
        self.exchange = exchange
        self.acceptance = acceptance
    }

    /// How the adapter breaks `rule`; an empty list means that it keeps it.
    public func violations(of rule: ContractRule) async -> [String] {
        do {
            switch rule {
            case .describesItself: return descriptorFaults()
            case .canonicalEndpoints: return endpointFaults()
            case .oneCall: return try await oneCall()
            case .parallelTries: return try await parallelTries()
            case .sameBytes: return try await sameBytes()
            case .wireID: return try await wireID()
            case .cancellation: return try await cancellation()
            case .withinDeadline: return try await withinDeadline()
            case .idempotenceDeclared: return try await idempotenceDeclared()
            case .garbageNotAccepted: return try await garbageNotAccepted()
            case .troublePasses: return try await troublePasses()
            case .hintHonoured: return try await hintHonoured()
            case .lostAnswer: return try await lostAnswer()
            case .nothingLeft: return try await nothingLeft()
            case .forbiddenAddress: return try await forbiddenAddress()
            case .undecodableContent: return try await undecodableContent()
            case .probeSendsNothing: return try await probeSendsNothing()
            case .keepsSecrets: return try await keepsSecrets()
            }
        } catch let faults as Faults {
            return faults.list.map { "the settings of the sample are refused: \($0.path) \($0.message)" }
        } catch { return ["threw \(error) although nobody cancelled"] }
    }

    // MARK: - What the rules share

    enum Reply: Hashable, Sendable {
        case http(HTTPResult)
        case mail(MailResult)
    }

    var yes: Reply {
        switch exchange {
        case .http(_, let result): .http(result)
        case .mail(_, let result): .mail(result)
        }
    }

    var isMail: Bool { if case .mail = exchange { true } else { false } }

    func bench(_ reply: Reply?, now: Timestamp? = nil) throws(Faults) -> AdapterBench {
        var http: [HTTPResult] = []
        var mail: [MailResult] = []
        switch reply {
        case .http(let result): http = [result]
        case .mail(let result): mail = [result]
        case nil: break
        }
        return try AdapterBench(type, settings: sample.settings, network: sample.network, now: now ?? sample.now, http: http, mail: mail)
    }

    var request: DeliveryRequest { sample.request.delivery(to: endpoint) }

    /// The outcome of a try that is answered by `reply`.
    func outcome(_ reply: Reply) async throws -> SeenOutcome {
        SeenOutcome(try await bench(reply).adapter.deliver(request))
    }

    /// Tries once against each reply and tells for which of them `isRight` does not hold.
    func check(_ replies: [Reply], _ demand: String, _ isRight: (SeenOutcome) -> Bool) async throws -> [String] {
        var found: [String] = []
        for reply in replies {
            let seen = try await outcome(reply)
            if !isRight(seen) { found.append("\(demand), was \(seen.kind) for \(reply)") }
        }
        return found
    }
}

extension AdapterBench {
    /// Every call as bytes that can be searched and compared.
    var wire: [String] {
        http.calls.map { call in
            "\(call.method) \(call.url)\n" + call.headers.map { "\($0.name): \($0.value)" }.joined(separator: "\n") + "\n\n"
                + String(decoding: call.body, as: UTF8.self)
        } + mail.calls.map { call in call.mail.map { "\($0.sender) \($0.recipients)\n" + String(decoding: $0.data, as: UTF8.self) } ?? "" }
    }
}
