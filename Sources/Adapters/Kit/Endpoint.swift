/// The name of a channel, such as `email`; always lower case.
public struct ChannelName: Hashable, Comparable, Sendable, RawRepresentable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue.lowercased() }
    public init(stringLiteral value: String) { self.init(rawValue: value) }

    public static let email: ChannelName = "email"
    public static let whatsapp: ChannelName = "whatsapp"
    public static let webhook: ChannelName = "webhook"

    public var description: String { rawValue }
    public static func < (a: ChannelName, b: ChannelName) -> Bool { a.rawValue < b.rawValue }
}

/// A canonical address on a channel: a mailbox, an E.164 number, a URL.
///
/// Adapters make it from what people write (`ChannelAdapter.endpoint(from:)`); two spellings of one address give equal endpoints.
public struct Endpoint: Hashable, Sendable {
    public let channel: ChannelName
    public let address: String

    public init(channel: ChannelName, address: String) {
        self.channel = channel
        self.address = address
    }
}

extension Endpoint: CustomStringConvertible {
    /// Never the address: an endpoint may end up in a log.
    public var description: String { "\(channel):‹address›" }
}

/// Why an address cannot be an endpoint, in a sentence for the person who wrote it.
public struct EndpointError: Error, Hashable, Sendable {
    public let message: String
    public init(_ message: String) { self.message = message }
}

/// Which of a person's contact details a channel writes to.
public enum AddressKind: String, Hashable, Sendable, CaseIterable {
    case email, phone, url
}

/// What kind of mail it is before the law: marketing can be declined by category.
public enum MessageCategory: String, Hashable, Sendable, CaseIterable, Codable {
    case transactional, marketing
}
