/// What every adapter must do, whatever its channel; `adapter-specs/CONTRACT.md` says each in words under the same name.
public enum ContractRule: String, Sendable, CaseIterable {
    case describesItself = "describes-itself"
    case canonicalEndpoints = "canonical-endpoints"
    case oneCall = "one-call"
    case parallelTries = "parallel-tries"
    case sameBytes = "same-bytes"
    case wireID = "wire-id"
    case cancellation
    case withinDeadline = "within-deadline"
    case idempotenceDeclared = "idempotence-declared"
    case garbageNotAccepted = "garbage-not-accepted"
    case troublePasses = "trouble-passes"
    case hintHonoured = "hint-honoured"
    case lostAnswer = "lost-answer"
    case nothingLeft = "nothing-left"
    case forbiddenAddress = "forbidden-address"
    case undecodableContent = "undecodable-content"
    case probeSendsNothing = "probe-sends-nothing"
    case keepsSecrets = "keeps-secrets"
}
