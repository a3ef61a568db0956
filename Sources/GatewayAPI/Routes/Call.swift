import AdapterKit
import GatewayModel
import HTTPTypes
import Hummingbird
import NIOCore

/// One call on its way through its handler.
struct Call: Sendable {
    let operation: Operation
    let request: Request
    let context: GatewayContext
    /// Set for the operations that ask for a role.
    let caller: Caller?
    /// The address that the call comes from, proxies seen through.
    let address: IPAddress?

    // MARK: Who

    /// Who calls; throws 401 where nobody was asked to say.
    func requireCaller() throws(APIError) -> Caller {
        guard let caller else { throw APIError(.unauthenticated, "A bearer token is needed.") }
        return caller
    }

    /// The organization that the call is about: the caller's own, and for operators the one in `?organization=`, where they name one.
    func organization() throws(APIError) -> OrganizationID? {
        let named = request.uri.queryParameters["organization"].map(String.init)
        if let own = caller?.organizationID {
            guard named == nil || named.flatMap({ OrganizationID($0) }) == own else { throw .notFound }
            return own
        }
        guard let named else { return nil }
        guard let id = OrganizationID(named) else { throw .fault("organization", "must be a UUID") }
        return id
    }

    /// The same, where a call is about one organization: an operator has to say which.
    func requireOrganization() throws(APIError) -> OrganizationID {
        guard let id = try organization() else { throw .fault("organization", "is required: an operator's key belongs to none") }
        return id
    }

    /// Set for callers who may see nothing but what they made.
    var ownKey: APIKeyID? {
        guard let caller, case .roles(let allowed) = operation.row.access else { return nil }
        return caller.roles.intersection(allowed).isSubset(of: [.quotes, .sender]) ? caller.apiKeyID : nil
    }

    // MARK: What

    /// A part of the path, decoded.
    func path(_ name: String) throws(APIError) -> String {
        guard let text = context.parameters.get(name)?.percentDecoded else { throw .notFound }
        return text
    }

    /// An id in the path; what is no id names nothing.
    func id<Tag>(_ name: String, as type: Tag.Type = Tag.self) throws(APIError) -> ID<Tag> {
        guard let id = ID<Tag>(try path(name)) else { throw .notFound }
        return id
    }

    func quoteID() throws(APIError) -> QuoteID {
        guard let id = QuoteID(try path("quoteId")) else { throw .notFound }
        return id
    }

    func leadID() throws(APIError) -> LeadID {
        guard let id = LeadID(try path("leadId")) else { throw .notFound }
        return id
    }

    /// The query's parameters, to be read like a body's members.
    func query() throws(Faults) -> QueryReader { try QueryReader(request) }

    /// The raw body; throws 413 when it is too large.
    func bytes() async throws -> [UInt8] {
        let limit = operation.row.body.limit
        let tooLarge = APIError(.payloadTooLarge, "The body may have at most \(limit) bytes.")
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge }
        do { return Array(buffer: try await request.body.collect(upTo: limit)) } catch is NIOTooManyBytesError { throw tooLarge }
    }

    /// The body as JSON; throws 415 when it is said to be something else.
    ///
    /// - Parameter empty: what a body of no bytes stands for, where it may be left out.
    func json(orEmpty empty: JSONValue? = nil) async throws -> JSONValue {
        let type = request.headers[.contentType]?.split(separator: ";").first.map { $0.filter { !$0.isWhitespace }.lowercased() }
        guard type == nil || type == "application/json" else { throw APIError(.unsupportedMediaType, "The body must be application/json.") }
        let bytes = try await bytes()
        if let empty, bytes.isEmpty { return empty }
        return try JSONValue(parsing: bytes)
    }

    /// The key in the header, which counts as the body's member of that meaning; a fault when both are given and differ.
    func idempotencyKey(orMember member: String, of body: JSONValue) throws(APIError) -> String? {
        let given = body[member]?.stringValue
        // What is no text is a fault that the body's reader tells.
        if given == nil, body[member]?.unlessNull != nil { return nil }
        let inBody = given?.unlessBlank
        guard let header = request.headers[.idempotencyKey]?.unlessBlank else { return inBody }
        if let inBody, inBody != header { throw .fault(member, "differs from the Idempotency-Key header") }
        return header
    }
}
