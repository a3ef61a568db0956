public import Logging

/// What is lent to an adapter: everything it may use besides its own code.
public struct AdapterEnvironment: Sendable {
    public var http: any HTTPTransport
    public var mail: any MailTransport
    public var clock: any WallClock
    public var logger: Logger

    public init(http: any HTTPTransport, mail: any MailTransport, clock: any WallClock, logger: Logger) {
        self.http = http
        self.mail = mail
        self.clock = clock
        self.logger = logger
    }
}
