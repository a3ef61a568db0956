public import AdapterKit

/// The channel `email`: one message to one mailbox through an SMTP server.
///
/// Each delivery is a transaction of its own with a single recipient, so that every person has their own fate and nobody sees another's address.
public struct EmailAdapter: ChannelAdapter {
    public static let descriptor = AdapterDescriptor(
        channel: .email, title: "E-mail", addressKind: .email, contentForm: .mail, lostAnswer: .resend,
        // A server that lost our connection at the final dot may still be working on the message.
        quietTime: .seconds(600),
        circuitScope: .account, concurrency: 64, perEndpoint: 4,
        // The answer to the final dot alone may take ten minutes (RFC 5321, section 4.5.3.2.6); giving up sooner makes duplicates (RFC 1047).
        // A minute more leaves room for the commands before it.
        attemptTimeout: .seconds(660),
        settings: EmailSettings.fields)

    private let settings: EmailSettings
    private let environment: AdapterEnvironment

    public init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) {
        self.settings = try EmailSettings(settings)
        self.environment = environment
    }

    public static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        Endpoint(channel: .email, address: try EmailAddress(address).canonical)
    }

    public func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome {
        guard let to = try? EmailAddress(request.endpoint.address) else {
            return .rejected(DeliveryFailure(.recipientInvalid, "The address is not an e-mail address."), of: .endpoint)
        }
        guard let content = try? Self.mail(request.content) else {
            return .rejected(DeliveryFailure(.contentRejected, "The content cannot be made into an e-mail."), of: .message)
        }
        let message = MIMEMessage(from: settings.from, to: to, content: content, deliveryID: request.deliveryID, date: request.acceptedAt)
        let bytes = message.bytes
        let signatures = settings.signers.flatMap { $0.field(for: bytes, at: request.acceptedAt) }
        let submission = MailSubmission(
            sender: settings.from.mailbox, recipients: [to.mailbox], data: signatures + bytes, deadline: request.deadline)
        let result = try await environment.mail.send(submission, through: settings.server)
        return SMTPReplyTable.outcome(of: result, messageID: message.messageID)
    }

    public func probe() async throws(CancellationError) -> DeliveryOutcome {
        SMTPReplyTable.outcome(of: try await environment.mail.probe(settings.server), messageID: nil)
    }

    public func preflight(_ content: RenderedContent, to endpoint: Endpoint) -> [ContentFault] {
        do {
            return try MailContentRules.fault(ofSize: Self.mail(content)).map { [$0] } ?? []
        } catch { return error.list }
    }

    /// The content, once it is known that it can become a message.
    private static func mail(_ content: RenderedContent) throws(Faults) -> MailContent {
        let json: JSONValue
        do { json = try content.json() } catch { throw Faults([Fault("content", "is not JSON")]) }
        let mail = try MailContent(json: json)
        let faults = MailContentRules.faults(of: mail)
        guard faults.isEmpty else { throw Faults(faults) }
        return mail
    }
}
