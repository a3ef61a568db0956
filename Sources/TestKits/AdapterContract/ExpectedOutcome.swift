public import AdapterKit

/// What a case says of the outcome. `retryAfter` is always compared, absent meaning none; the other members where they are given.
public struct ExpectedOutcome: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case accepted, deferred, throttled, channelFault, rejected, answerLost
    }

    public var kind: Kind
    public var errorClass: ErrorClass?
    public var code: String?
    public var providerMessageID: String?
    public var retryAfter: Duration?
    public var part: RejectedPart?

    init(_ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let kind = reader.choice("kind", as: Kind.self, required: true)
        errorClass = reader.choice("class")
        code = reader.scalar("code")
        providerMessageID = reader.scalar("providerMessageId")
        retryAfter = reader.duration("retryAfter")
        let of = reader.string("of")
        part = of.flatMap { RejectedPart(caseText: $0) }
        if of != nil, part == nil {
            reader.fault("of", "must be message, template, size, window, endpoint, deadEndpoint or optedOut:<category>")
        }
        if let kind, reader.faults.isEmpty {
            if (kind == .accepted) != (errorClass == nil) {
                reader.fault("class", kind == .accepted ? "does not go with accepted" : "is required")
            }
            if (kind == .rejected) != (part != nil) { reader.fault("of", kind == .rejected ? "is required" : "goes with rejected only") }
            if kind != .accepted, providerMessageID != nil { reader.fault("providerMessageId", "goes with accepted only") }
        }
        try reader.finish()
        guard let kind else { throw Faults([]) }
        self.kind = kind
    }

    /// How `outcome` differs from what is expected.
    public func mismatches(_ outcome: DeliveryOutcome) -> [String] {
        let seen = SeenOutcome(outcome)
        guard seen.kind == kind else { return ["outcome: expected \(kind), was \(outcome)"] }
        var found: [String] = []
        if seen.failure?.errorClass != errorClass {
            found.append("class: expected \(errorClass.map(\.rawValue) ?? "none"), was \(outcome)")
        }
        if let code, code != seen.code { found.append("code: expected \(code), was \(seen.code ?? "none")") }
        if let providerMessageID, providerMessageID != seen.acceptance?.providerMessageID {
            found.append("providerMessageId: expected \(providerMessageID), was \(seen.acceptance?.providerMessageID ?? "none")")
        }
        if seen.retryAfter != retryAfter { found.append("retryAfter: expected \(retryAfter as Any), was \(seen.retryAfter as Any)") }
        if seen.part != part { found.append("of: expected \(part as Any), was \(seen.part as Any)") }
        return found
    }
}

/// An outcome taken apart, so that checks can ask for one member of whatever it is.
struct SeenOutcome {
    var kind: ExpectedOutcome.Kind
    var acceptance: Acceptance?
    var failure: DeliveryFailure?
    var retryAfter: Duration?
    var part: RejectedPart?

    init(_ outcome: DeliveryOutcome) {
        switch outcome {
        case .accepted(let acceptance): (kind, self.acceptance) = (.accepted, acceptance)
        case .deferred(let failure, let wait): (kind, self.failure, retryAfter) = (.deferred, failure, wait)
        case .throttled(let failure, let wait): (kind, self.failure, retryAfter) = (.throttled, failure, wait)
        case .channelFault(let failure): (kind, self.failure) = (.channelFault, failure)
        case .rejected(let failure, let part): (kind, self.failure, self.part) = (.rejected, failure, part)
        case .answerLost(let failure): (kind, self.failure) = (.answerLost, failure)
        }
    }

    var code: String? { acceptance?.code ?? failure?.code }
    /// Everything people may get to read.
    var text: String {
        [code, acceptance?.summary, acceptance?.providerMessageID, failure?.message].compactMap(\.self).joined(separator: "\n")
    }
    var mayBeTriedAgain: Bool { kind == .deferred || kind == .throttled }
}

extension RejectedPart {
    init?(caseText text: String) {
        switch text {
        case "message": self = .message
        case "template": self = .template
        case "size": self = .size
        case "window": self = .window
        case "endpoint": self = .endpoint
        case "deadEndpoint": self = .deadEndpoint
        default:
            guard text.hasPrefix("optedOut:"), let category = MessageCategory(rawValue: String(text.dropFirst(9))) else { return nil }
            self = .optedOut(category)
        }
    }

    /// The part as a case writes it.
    public var caseText: String {
        switch self {
        case .message: "message"
        case .template: "template"
        case .size: "size"
        case .window: "window"
        case .endpoint: "endpoint"
        case .deadEndpoint: "deadEndpoint"
        case .optedOut(let category): "optedOut:" + category.rawValue
        }
    }
}
