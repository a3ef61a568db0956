import AdapterKit

/// What the Cloud API's error codes mean for a delivery.
///
/// Meta's page of error codes is the only source, and the HTTP status decides nothing here. Where Meta restricts less than the account (one
/// country, one template, one category), the one delivery fails: pausing the account would hold up everybody else's.
enum CloudErrorTable {
    /// What a row makes of a try.
    enum Verdict: Hashable, Sendable {
        case channelFault
        /// `tries` bounds how often it may pass for this delivery; after that it is this message's fault.
        case deferred(wait: Duration? = nil, tries: Int? = nil)
        case throttled
        /// Too much for this recipient: wait 4ⁿ seconds, n growing with each try.
        case throttledPair
        case rejected(RejectedPart)
    }

    struct Row: Hashable, Sendable {
        var codes: [ClosedRange<Int>]
        var verdict: Verdict
        var errorClass: ErrorClass
        /// For people: what the code says, in our words.
        var meaning: String
    }

    static let rows: [Row] = [
        row([0, 190], .channelFault, .authentication, "the access token is invalid or has expired"),
        row([3, 10, 131_005], ranges: [200...299], .channelFault, .authentication, "the access token lacks a permission"),
        row([33], .channelFault, .configuration, "the sending number does not exist"),
        row([100], .rejected(.message), .contentRejected, "a parameter is wrong"),
        row([1], .deferred(tries: 2), .providerUnavailable, "invalid request or a failure of the provider"),
        row([2, 131_000, 131_016, 133_004], .deferred(), .providerUnavailable, "the provider is down or overloaded"),
        row([131_057], .deferred(wait: .seconds(60)), .providerUnavailable, "the sending number is under maintenance"),
        row([4, 80_007, 130_429], .throttled, .throttled, "the account has sent too much"),
        row([131_056], .throttledPair, .throttled, "too much to this recipient"),
        row([132_069], .throttled, .throttled, "the flow is throttled"),
        row([131_048], .channelFault, .policy, "the sending number is restricted"),
        row([368, 131_031], .channelFault, .policy, "the account is blocked"),
        row([131_042], .channelFault, .configuration, "the account has a payment problem"),
        row(
            [131_037, 131_045, 133_000, 133_015, 133_016], ranges: [133_005...133_010], .channelFault, .configuration,
            "the sending number is not registered or not approved"),
        row([131_030], .channelFault, .configuration, "the recipient is not on the test account's list"),
        row([131_064], .rejected(.message), .policy, "templates of this category are restricted"),
        row([130_497], .rejected(.endpoint), .policy, "the account may not send to this country"),
        row([131_049], .rejected(.message), .policy, "the provider withheld a marketing message"),
        row([130_472], .rejected(.message), .policy, "the recipient is part of an experiment of the provider"),
        row([131_047], .rejected(.window), .policy, "outside the 24 hour window: only a template may be sent"),
        row([131_050], .rejected(.optedOut(.marketing)), .policy, "the recipient declined marketing messages"),
        row([131_021], .rejected(.message), .recipientInvalid, "the sender is the recipient"),
        row([131_026], .rejected(.endpoint), .recipientInvalid, "the message cannot be delivered to this number"),
        row([131_052, 131_053], .deferred(tries: 1), .contentRejected, "media could not be transferred"),
        row(
            [131_008, 131_009, 131_051, 131_062], .rejected(.message), .contentRejected,
            "a value is missing, invalid or of an unsupported type"),
        row([132_000, 132_005, 132_012, 132_018], .rejected(.template), .contentRejected, "the template's parameters do not fit"),
        row([132_001, 132_007], .rejected(.template), .contentRejected, "the template does not exist or violates the rules"),
        row([132_015, 132_016, 132_068], .rejected(.template), .policy, "the template is paused or blocked"),
        row([134_011, 135_000], .rejected(.message), .contentRejected, "the message was refused"),
    ]

    private static func row(
        _ codes: [Int], ranges: [ClosedRange<Int>] = [], _ verdict: Verdict, _ errorClass: ErrorClass, _ meaning: String
    ) -> Row {
        Row(codes: codes.map { $0...$0 } + ranges, verdict: verdict, errorClass: errorClass, meaning: meaning)
    }

    private static let single: [Int: Row] = Dictionary(
        rows.flatMap { row in row.codes.filter { $0.count == 1 }.map { ($0.lowerBound, row) } }, uniquingKeysWith: { first, _ in first })

    /// The row of a code; `nil` for one that nobody knows.
    static func row(for code: Int) -> Row? {
        single[code] ?? rows.first { $0.codes.contains { $0.contains(code) } }
    }
}
