public import AdapterKit
public import Logging
public import NIOCore

/// Our SMTP client: pooled connections on SwiftNIO, each driven by a pure session.
///
/// Every connection does its work on its event loop; a call costs one hop there and one back. Addresses and reply texts are never logged.
public final class SMTPTransport: MailTransport {
    private let configuration: SMTPConfiguration
    private let pool: SMTPPool
    private let clock: any WallClock

    /// The group is lent: whoever made it ends it, after `shutdown()`.
    public init(
        configuration: SMTPConfiguration = SMTPConfiguration(), eventLoopGroup: any EventLoopGroup, logger: Logger,
        clock: any WallClock = SystemClock()
    ) {
        self.configuration = configuration
        self.clock = clock
        pool = SMTPPool(configuration: configuration, group: eventLoopGroup, logger: logger)
    }

    public func send(_ mail: MailSubmission, through server: MailServer) async throws(CancellationError) -> MailResult {
        if let fault = Self.fault(of: server) { return fault }
        let envelope: SMTPEnvelope
        do {
            envelope = try SMTPEnvelope(mail)
        } catch {
            return .failed(MailFailure(.invalidEnvelope, error.message), in: error.phase)
        }
        let left = (mail.deadline - max(clock.now, Timestamp(microseconds: 0))).microseconds
        guard left > 0 else { return .failed(MailFailure(.timeout, "the deadline has passed"), in: .connect) }
        // A day is longer than all phases of a transaction together, and keeps the arithmetic from overflowing.
        return try await run(SMTPJob(server: server, envelope: envelope, deadline: .now() + .microseconds(min(left, 86_400_000_000))))
    }

    public func probe(_ server: MailServer) async throws(CancellationError) -> MailResult {
        if let fault = Self.fault(of: server) { return fault }
        return try await run(SMTPJob(server: server, envelope: nil, deadline: .now() + .hours(1)))
    }

    /// Takes nothing new, lets running transactions end, closes the connections and returns when the last is closed.
    public func shutdown() async { await pool.shutdown() }

    private func run(_ job: SMTPJob) async throws(CancellationError) -> MailResult {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                job.wait(continuation)
                pool.submit(job)
            }
        } onCancel: {
            pool.cancel(job)
        }
        switch outcome {
        case .result(let result): return result
        case .cancelled: throw CancellationError()
        }
    }

    private static func fault(of server: MailServer) -> MailResult? {
        guard !SMTPEnvelope.isWord(server.clientName) else { return nil }
        return .failed(MailFailure(.invalidEnvelope, "the client's name is not one word"), in: .ehlo)
    }
}
