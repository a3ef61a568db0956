import AdapterKit
import Signing

/// One mail account: the server that takes the mail, who it comes from, and what signs it.
struct EmailSettings: Sendable {
    let server: MailServer
    let from: EmailAddress
    let signers: [DKIMSigner]

    static let fields: [FieldSpec] = [
        FieldSpec("host", .string, required: true, doc: "The mail server's name or address."),
        FieldSpec("port", .integer(1...65_535), doc: "Its port; 25, 587 or 465 for security none, starttls or tls when left out."),
        FieldSpec(
            "security", .choice(MailServer.Security.allCases.map(\.rawValue)), default: "starttls",
            doc: "starttls and tls insist on encryption; none sends in clear text and never a password."),
        FieldSpec("username", .string, doc: "The account's name, where the server wants one."),
        FieldSpec("password", .string, secret: true, doc: "The account's password."),
        FieldSpec("caFile", .string, doc: "A PEM file of certificate authorities to trust besides the system's; for the operator only."),
        FieldSpec("from", .string, required: true, doc: "The sender of every mail, such as Example <hello@example.nl>."),
        FieldSpec("connections", .integer(1...1000), default: 8, doc: "How many connections to the server at once."),
        FieldSpec("clientName", .string, doc: "The name this machine greets the server with; the sender's domain when left out."),
        FieldSpec("dkim", .objects(keys), doc: "The keys that sign every mail (DKIM); two of different kinds give two signatures."),
    ]

    private static let keys: [FieldSpec] = [
        FieldSpec("domain", .string, required: true, doc: "The sender's domain, or one above it."),
        FieldSpec("selector", .string, required: true, doc: "Under which name the domain's DNS has the public key."),
        FieldSpec("key", .string, required: true, secret: true, doc: "The private key in PEM: RSA, or Ed25519."),
    ]

    /// Throws every fault of the settings as a whole; those of single fields were found before.
    init(_ settings: AdapterSettings) throws(Faults) {
        var faults: [Fault] = []
        let host = settings.string("host") ?? ""
        if !Self.isName(host) { faults.append(Fault("host", "must be a host name or an IP address")) }
        let security = settings.string("security").flatMap(MailServer.Security.init) ?? .starttls

        var from: EmailAddress?
        do { from = try EmailAddress(settings.string("from") ?? "") } catch { faults.append(Fault("from", error.message)) }
        let clientName =
            settings.string("clientName") ?? from.flatMap { $0.domain.utf8.allSatisfy { $0 < 0x80 } ? $0.domain : nil } ?? "localhost"
        if !Self.isName(clientName) { faults.append(Fault("clientName", "must be a host name or an IP address in brackets")) }

        let username = settings.string("username").flatMap { $0.isEmpty ? nil : $0 }
        let password = settings.secret("password").flatMap { $0.isEmpty ? nil : $0 }
        switch (username, password) {
        case (.some, nil): faults.append(Fault("password", "is required with a username"))
        case (nil, .some): faults.append(Fault("username", "is required with a password"))
        case (.some(let name), .some(let secret)):
            if security == .none {
                faults.append(Fault("security", "must be starttls or tls with a password: it is never sent in clear text"))
            }
            // NUL separates the parts of SASL PLAIN (RFC 4616).
            if name.unicodeScalars.contains(where: MIMEEncoding.isControl) {
                faults.append(Fault("username", "may not hold control characters"))
            }
            if secret.reveal().unicodeScalars.contains(where: MIMEEncoding.isControl) {
                faults.append(Fault("password", "may not hold control characters"))
            }
        case (nil, nil): break
        }
        let signers = Self.signers(settings.objects("dkim"), from: from, &faults)
        // A tenant could otherwise learn which files there are on this machine.
        let caFile = settings.string("caFile").flatMap { $0.isEmpty ? nil : $0 }
        if caFile != nil, settings.network.isGuarded {
            faults.append(Fault("caFile", "may be set in the gateway's own configuration only"))
        }

        guard faults.isEmpty, let from else { throw Faults(faults) }
        self.from = from
        self.signers = signers
        self.server = MailServer(
            host: host, port: settings.integer("port") ?? Self.port(of: security), security: security,
            credentials: username.flatMap { name in password.map { MailServer.Credentials(username: name, password: $0) } },
            caFile: caFile, clientName: clientName, connections: settings.integer("connections") ?? 8, network: settings.network)
    }

    private static func signers(_ settings: [AdapterSettings], from: EmailAddress?, _ faults: inout [Fault]) -> [DKIMSigner] {
        var signers: [DKIMSigner] = []
        for (index, entry) in settings.enumerated() {
            let domain = (entry.string("domain") ?? "").lowercased()
            let selector = entry.string("selector") ?? ""
            // RFC 7489, section 3.1.1: receivers look for a signature of the domain that people see.
            if !isDomain(domain) || from.map({ $0.domain == domain || $0.domain.hasSuffix("." + domain) }) == false {
                faults.append(Fault("dkim[\(index)].domain", "must be the domain of the sender, or one above it"))
            }
            if !isDomain(selector) {
                faults.append(Fault("dkim[\(index)].selector", "must be made of letters, digits, hyphens and full stops"))
            }
            do {
                let key = try SigningKey(pem: entry.secret("key")?.reveal() ?? "")
                signers.append(DKIMSigner(domain: domain, selector: selector, key: key))
            } catch {
                faults.append(Fault("dkim[\(index)].key", "must be a private key in PEM without a password, RSA or Ed25519"))
            }
        }
        return signers
    }

    /// Whether a text is labels of letters, digits and hyphens with full stops between them (RFC 1035, section 2.3.1).
    private static func isDomain(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
            }
    }

    /// RFC 8314, section 3.3 for submission; RFC 5321, section 4.5.4.2 for clear text.
    private static func port(of security: MailServer.Security) -> Int {
        switch security {
        case .none: 25
        case .starttls: 587
        case .tls: 465
        }
    }

    /// Whether a text can stand for a host: one word of letters, digits and `.-_:[]`.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 255
            && text.unicodeScalars.allSatisfy {
                ($0.isASCII ? $0.properties.isAlphabetic || $0.properties.numericType != nil : false)
                    || ".-_:[]".unicodeScalars.contains($0)
            }
    }
}
