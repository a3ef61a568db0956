/// How quotes are spoken of.
public struct BridgeConfiguration: Hashable, Sendable {
    /// Where customers see their quote: links begin with it.
    public var publicBaseURL: String
    /// The quote system's own API: download links begin with it.
    public var apiBaseURL: String
    /// Whether the mails of before there were workflows still go out where no workflow speaks.
    public var isLegacyEnabled: Bool
    public var locale: String
    /// How long a quote without a date of its own can be answered by its link.
    public var tokenLifetime: Duration

    public init(
        publicBaseURL: String = "http://localhost", apiBaseURL: String = "http://localhost", isLegacyEnabled: Bool = true,
        locale: String = "nl-NL",
        tokenLifetime: Duration = .seconds(30 * 86_400)
    ) {
        self.publicBaseURL = publicBaseURL
        self.apiBaseURL = apiBaseURL
        self.isLegacyEnabled = isLegacyEnabled
        self.locale = locale
        self.tokenLifetime = tokenLifetime
    }
}
