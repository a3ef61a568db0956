public import AdapterKit

extension WhatsAppSimulator {
    /// Whom the simulator plays, and what it keeps and reports.
    public struct Options: Sendable {
        public var phoneNumberID = "100000000000001"
        public var accessToken = Secret("simulated-access-token")
        /// Signs the callbacks.
        public var appSecret = Secret("simulated-app-secret")
        /// What `verifyCallback` shows.
        public var verifyToken = Secret("simulated-verify-token")
        /// Where status callbacks go, over plain HTTP; `nil` sends none.
        public var callbackURL: WebURL?
        /// The statuses reported of an accepted message, in this order.
        public var statuses: [Status] = Status.allCases
        /// Keeps what was received; without, messages are only counted, for benchmarks.
        public var keepMessages = true
        /// Lets the numbers of the unassigned country code 999 misbehave.
        public var magicNumbers = true
        /// How long the slow number takes.
        public var slowDelay: Duration = .seconds(2)

        public init() {}
    }

    public enum Status: String, Hashable, Sendable, CaseIterable { case sent, delivered, read }

    /// A message that the simulator took.
    public struct Received: Hashable, Sendable {
        /// The id that it was given, `wamid.` and more.
        public var id: String
        /// The digits of the destination.
        public var to: String
        /// `text`, `template` or `document`.
        public var type: String
        /// The whole request.
        public var message: JSONValue
        /// Which connection brought it, counted from 1.
        public var connection: Int
        public var receivedAt: Timestamp
    }
}
