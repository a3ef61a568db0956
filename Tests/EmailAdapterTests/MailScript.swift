import AdapterKit
import Logging
import Synchronization

@testable import EmailAdapter

/// A mail transport that answers what it was told to and remembers what it was asked.
final class MailScript: MailTransport {
    private let result: MailResult
    private let seen = Mutex<[(mail: MailSubmission, server: MailServer)]>([])
    private let probed = Mutex<[MailServer]>([])

    init(_ result: MailResult) { self.result = result }

    var submissions: [(mail: MailSubmission, server: MailServer)] { seen.withLock { $0 } }
    var probes: [MailServer] { probed.withLock { $0 } }

    func send(_ mail: MailSubmission, through server: MailServer) async throws(CancellationError) -> MailResult {
        guard !Task.isCancelled else { throw CancellationError() }
        seen.withLock { $0.append((mail, server)) }
        return result
    }

    func probe(_ server: MailServer) async throws(CancellationError) -> MailResult {
        probed.withLock { $0.append(server) }
        return result
    }
}

/// A transport for channels that make no HTTP calls.
struct NoHTTP: HTTPTransport {
    func send(_ request: HTTPRequest) async throws(CancellationError) -> HTTPResult {
        .failure(HTTPFailure(.connect, mayHaveArrived: false, "No HTTP here."))
    }
}

enum Fixture {
    static let settings: JSONValue = [
        "host": "smtp.example", "username": "u", "password": "p4ssw0rd", "from": "Example <Hello@Example.nl>",
    ]
    static let accepted = MailResult.accepted(SMTPReply(code: 250, enhanced: .init(2, 0, 0), lines: ["2.0.0 queued"]), recipients: [])
    static let deliveryID = DeliveryID("0195d5a0-0000-7000-8000-000000000001")!
    static let acceptedAt = Timestamp(year: 2026, month: 3, day: 1, hour: 9, minute: 30, second: 5)

    static func adapter(_ mail: any MailTransport, _ json: JSONValue = settings) throws -> EmailAdapter {
        let settings = try AdapterSettings(json, specs: EmailAdapter.descriptor.settings)
        return try EmailAdapter(
            settings: settings,
            environment: AdapterEnvironment(http: NoHTTP(), mail: mail, clock: SystemClock(), logger: Logger(label: "test")))
    }

    static func request(_ content: JSONValue, to address: String = "jan@example.nl", attempt: Int = 1) -> DeliveryRequest {
        DeliveryRequest(
            deliveryID: deliveryID, messageID: MessageID("0195d5a0-0000-7000-8000-000000000002")!,
            organizationID: OrganizationID("0195d5a0-0000-7000-8000-000000000003")!, endpoint: Endpoint(channel: .email, address: address),
            content: RenderedContent(content), acceptedAt: acceptedAt, attempt: attempt, deadline: acceptedAt + .seconds(660))
    }

    static func message(_ content: MailContent, from: String = "Example <hello@example.nl>", to: String = "jan@example.nl") throws
        -> MIMEMessage
    {
        MIMEMessage(from: try EmailAddress(from), to: try EmailAddress(to), content: content, deliveryID: deliveryID, date: acceptedAt)
    }
}
