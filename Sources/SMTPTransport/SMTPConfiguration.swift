import AdapterKit

/// How long each phase may take and how connections are kept. The defaults are those of RFC 5321, section 4.5.3.2.
public struct SMTPConfiguration: Hashable, Sendable {
    /// For resolving the name and for the TCP connection, all addresses together.
    public var connect: Duration = .seconds(30)
    /// For a TLS handshake.
    public var tls: Duration = .seconds(30)
    public var greeting: Duration = .seconds(300)
    /// For EHLO and STARTTLS, and for each step of AUTH.
    public var ehlo: Duration = .seconds(300)
    public var mail: Duration = .seconds(300)
    public var rcpt: Duration = .seconds(300)
    public var data: Duration = .seconds(120)
    /// For each block of the message to leave.
    public var block: Duration = .seconds(180)
    /// For the reply to the final dot. A short one manufactures duplicates (RFC 1047).
    public var finalDot: Duration = .seconds(600)
    /// For the reply to QUIT.
    public var quit: Duration = .seconds(5)
    /// How long a connection is kept without work.
    public var idle: Duration = .seconds(30)
    /// After how many transactions a connection is given up; many providers cut it there themselves.
    public var messagesPerConnection = 100

    public init() {}

    func limit(in phase: MailPhase) -> Duration {
        switch phase {
        case .connect: connect
        case .tls: tls
        case .greeting: greeting
        case .ehlo, .startTLS, .auth: ehlo
        case .mail: mail
        case .rcpt: rcpt
        case .data: data
        case .body: block
        case .finalDot: finalDot
        }
    }
}
