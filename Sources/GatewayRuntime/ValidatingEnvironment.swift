import AdapterKit
import Logging

/// What is lent to an adapter that is only made to find out whether its settings are good: nothing goes out.
enum ValidatingEnvironment {
    static var environment: AdapterEnvironment {
        AdapterEnvironment(
            http: Nowhere(), mail: Nowhere(), clock: SystemClock(),
            logger: .silent)
    }

    /// Throws every fault that an adapter finds in its settings as a whole.
    static func check(_ settings: AdapterSettings, of type: any ChannelAdapter.Type) throws(Faults) {
        _ = try type.init(settings: settings, environment: environment)
    }

    private struct Nowhere: HTTPTransport, MailTransport {
        func send(_ request: HTTPRequest) async throws(CancellationError) -> HTTPResult {
            .failure(HTTPFailure(.connect, mayHaveArrived: false, "nothing is sent while settings are checked"))
        }

        func send(_ mail: MailSubmission, through server: MailServer) async throws(CancellationError) -> MailResult { result }
        func probe(_ server: MailServer) async throws(CancellationError) -> MailResult { result }

        private var result: MailResult { .failed(MailFailure(.connect, "nothing is sent while settings are checked"), in: .connect) }
    }
}
