extension SMTPSimulator {
    /// What the server announces, demands and keeps.
    public struct Options: Sendable {
        /// RFC 2920.
        public var pipelining = true
        /// RFC 6152.
        public var eightBitMIME = true
        /// RFC 6531.
        public var smtputf8 = true
        /// RFC 1870, in bytes; announced and enforced. `nil` announces nothing and takes any size.
        public var maximumSize: Int? = 26_214_400
        /// With credentials AUTH PLAIN and LOGIN are announced (RFC 4954) and MAIL is refused before it; without, any client may send.
        public var credentials: Credentials?
        /// Announces AUTH only once the connection is encrypted.
        public var authOnlyOverTLS = false
        /// With a certificate STARTTLS is announced (RFC 3207).
        public var certificate: ServerCertificate?
        /// Speaks TLS from the first byte (RFC 8314, section 3.3) instead of offering STARTTLS.
        public var isTLSImplicit = false
        /// Keeps what was received; without, messages are only counted and their bytes dropped, for benchmarks.
        public var keepMessages = true
        /// Lets the words of the magic recipients work: `bounce`, `greylist`, `full` and `slow` in a local part.
        public var magicRecipients = true
        /// How long a `slow` recipient takes.
        public var slowDelay: Duration = .seconds(2)

        public init() {}
    }

    public struct Credentials: Hashable, Sendable {
        public var username: String
        public var password: String

        public init(username: String, password: String) {
            self.username = username
            self.password = password
        }
    }
}
