import AdapterKit
import GatewayModel
import HTTPTypes
import QuoteBridge

/// The codes that programs tell errors apart by.
enum ErrorCode: String, CaseIterable, Sendable {
    case invalidRequest = "invalid_request"
    case unauthenticated, forbidden
    case notFound = "not_found"
    case methodNotAllowed = "method_not_allowed"
    case conflict
    case idempotencyConflict = "idempotency_conflict"
    case tokenConflict = "token_conflict"
    case tooLate = "too_late"
    case invalidTransition = "invalid_transition"
    case quoteAlreadyAccepted = "quote_already_accepted"
    case quoteAlreadyRejected = "quote_already_rejected"
    case quoteExpired = "quote_expired"
    case preconditionFailed = "precondition_failed"
    case payloadTooLarge = "payload_too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case rateLimited = "rate_limited"
    case storeUnavailable = "store_unavailable"
    case `internal`

    var status: HTTPResponse.Status {
        switch self {
        case .invalidRequest: .badRequest
        case .unauthenticated: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .conflict, .idempotencyConflict, .tokenConflict, .tooLate, .invalidTransition, .quoteAlreadyAccepted, .quoteAlreadyRejected:
            .conflict
        case .quoteExpired: .gone
        case .preconditionFailed: .preconditionFailed
        case .payloadTooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .rateLimited: .tooManyRequests
        case .storeUnavailable: .serviceUnavailable
        case .internal: .internalServerError
        }
    }
}

/// A call's refusal, in the words that its caller reads.
struct APIError: Error {
    var code: ErrorCode
    var message: String
    var faults: [Fault] = []
    var headers: HTTPFields = [:]

    init(_ code: ErrorCode, _ message: String, headers: HTTPFields = [:]) {
        self.code = code
        self.message = message
        self.headers = headers
    }

    init(_ faults: Faults) {
        self.init(.invalidRequest, faults.list.count == 1 ? "The request has a fault." : "The request has \(faults.list.count) faults.")
        self.faults = faults.list
    }

    static func fault(_ path: String, _ message: String) -> APIError { APIError(Faults([Fault(path, message)])) }
    static let notFound = APIError(.notFound, "There is nothing here by that name.")

    init(_ error: StoreError) {
        switch error {
        case .unavailable, .outcomeUnknown, .full, .schema:
            self.init(.storeUnavailable, "The gateway cannot record anything just now; try again.", headers: [.retryAfter: "1"])
        case .corrupt, .driver: self.init(.internal, "The gateway failed to answer.")
        }
    }

    init(_ error: BridgeError) {
        switch error {
        case .invalid(let faults): self.init(faults)
        case .idempotencyConflict: self.init(.idempotencyConflict, "This event's id was used before for another body.")
        case .tokenConflict: self.init(.tokenConflict, "The public token belongs to another quote, or the quote has another token.")
        case .alreadyClosed(.rejected): self.init(.quoteAlreadyRejected, "The quote was rejected before.")
        case .alreadyClosed: self.init(.quoteAlreadyAccepted, "The quote was accepted before.")
        case .expired: self.init(.quoteExpired, "The quote has expired.")
        case .notFound: self = .notFound
        case .store(let error): self.init(error)
        case .sealed:
            self.init(
                .storeUnavailable, "The gateway cannot open what it sealed earlier; its operators have to look at its keyring.",
                headers: [.retryAfter: "60"])
        }
    }

    /// What any error means to a caller; nothing of an unforeseen one is told.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case let faults as Faults: self.init(faults)
        case let error as StoreError: self.init(error)
        case let error as BridgeError: self.init(error)
        case let error as JSONError: self = .fault("$", "is not JSON: \(error)")
        default: self.init(.internal, "The gateway failed to answer.")
        }
    }

    /// What of an error may be written to the log, where it is one that operators have to hear of: an unforeseen one by its kind alone,
    /// since its text may hold what was being worked on.
    static func words(forLog error: any Error) -> String? {
        switch error {
        case BridgeError.sealed(let error): "what was sealed earlier cannot be opened: \(error)"
        case BridgeError.store(let error), let error as StoreError: APIError(error).code == .internal ? error.description : nil
        default: APIError(error).code == .internal ? "\(type(of: error))" : nil
        }
    }

    /// `{error, code, details?, requestId?}`.
    func json(requestID: String?) -> JSONValue {
        .record([
            "error": .string(message), "code": .string(code.rawValue),
            "details": faults.isEmpty ? nil : .array(faults.map { ["path": .string($0.path), "message": .string($0.message)] }),
            "requestId": requestID.map { .string($0) },
        ])
    }
}
