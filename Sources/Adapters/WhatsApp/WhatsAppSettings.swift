import AdapterKit

/// The settings of one sending number.
struct WhatsAppSettings: Sendable {
    /// The API knows no idempotency key, so a short timeout would only make more answers unknown.
    static let timeout = Duration.seconds(30)

    static let specs = [
        FieldSpec("provider", .choice(["cloud"]), default: "cloud", doc: "Who carries the messages: cloud is Meta's Cloud API."),
        FieldSpec(
            "baseURL", .url(schemes: ["https", "http"]), default: "https://graph.facebook.com/v23.0", doc: "The Graph API with its version."
        ),
        FieldSpec("phoneNumberID", .string, required: true, doc: "Meta's id of the sending number, not the number itself."),
        FieldSpec("accessToken", .string, required: true, secret: true, doc: "A token that may send for the number."),
        FieldSpec("appSecret", .string, secret: true, doc: "Verifies Meta's calls to us; without it they are refused."),
        FieldSpec("verifyToken", .string, secret: true, doc: "The word that Meta repeats when the callback address is set up."),
        FieldSpec(
            "optOutWords", .strings, default: ["STOP", "STOPPEN", "UNSUBSCRIBE"],
            doc: "A message that is exactly one of these, in any case, is an opt-out."),
    ]

    let phoneNumberID: String
    let appSecret: Secret?
    let verifyToken: Secret?
    /// In lower case.
    let optOutWords: Set<String>
    private let baseURL: String
    private let accessToken: Secret
    private let network: NetworkPolicy

    /// Throws every fault of the settings.
    init(_ settings: AdapterSettings) throws(Faults) {
        var faults: [Fault] = []
        phoneNumberID = settings.string("phoneNumberID") ?? ""
        accessToken = settings.secret("accessToken") ?? Secret("")
        appSecret = settings.secret("appSecret").flatMap { $0.isEmpty ? nil : $0 }
        verifyToken = settings.secret("verifyToken").flatMap { $0.isEmpty ? nil : $0 }
        optOutWords = Set(settings.strings("optOutWords").map { $0.lowercased() })
        network = settings.network
        let text = settings.string("baseURL") ?? ""
        baseURL = text.hasSuffix("/") ? String(text.dropLast()) : text
        if phoneNumberID.isEmpty || !phoneNumberID.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            faults.append(Fault("phoneNumberID", "must be digits"))
        }
        if accessToken.isEmpty || !accessToken.reveal().utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
            faults.append(Fault("accessToken", "must be printable ASCII without blanks"))
        }
        if let url = WebURL(baseURL), !url.target.contains("?") {
            if let fault = NetworkGuard.fault(of: url, policy: network) { faults.append(Fault("baseURL", fault)) }
        } else {
            faults.append(Fault("baseURL", "must be a URL without a query"))
        }
        if !faults.isEmpty { throw Faults(faults) }
    }

    /// A call about the sending number. Never idempotent: two equal calls are two messages.
    func request(_ method: String, _ path: String, timeout: Duration) -> HTTPRequest {
        HTTPRequest(
            method: method, url: "\(baseURL)/\(phoneNumberID)\(path)",
            headers: [HTTPHeader("Authorization", "Bearer \(accessToken.reveal())")],
            connectTimeout: min(.seconds(10), timeout), timeout: timeout, isIdempotent: method == "GET", network: network)
    }
}
