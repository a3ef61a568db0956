public import AdapterKit

/// Something on a channel, or on any, is due.
public struct Wake: Hashable, Sendable {
    public var channel: ChannelName?
    /// Told as a span, so that nodes need not agree on the time.
    public var dueIn: Duration

    public init(_ channel: ChannelName?, dueIn: Duration) {
        self.channel = channel
        self.dueIn = max(.zero, dueIn)
    }
}

/// A node among those that work on one store; made anew at each start.
public struct NodeID: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public init() { text = String(UInt64.random(in: 0...UInt64.max), radix: 36) }

    public var description: String { text }
}

/// Wakes as they travel between nodes: the sender, then each channel (`*` for any) with the milliseconds until it is due.
public struct WakeMessage: Hashable, Sendable {
    public var sender: String
    public var wakes: [Wake]

    public init(from sender: NodeID, _ wakes: [Wake]) {
        self.sender = sender.text
        self.wakes = wakes
    }

    public var text: String {
        ([sender] + wakes.map { "\($0.channel?.rawValue ?? "*")=\($0.dueIn.microseconds / 1000)" }).joined(separator: " ")
    }

    /// What cannot be read of a message wakes everybody: a hint too many costs one look.
    public init?(_ text: String) {
        let words = text.split(separator: " ")
        guard let sender = words.first else { return nil }
        self.sender = String(sender)
        wakes = words.dropFirst().map { word in
            let parts = word.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let milliseconds = Int64(parts[1]), (0...Self.longest).contains(milliseconds) else {
                return Wake(nil, dueIn: .zero)
            }
            return Wake(parts[0] == "*" ? nil : ChannelName(rawValue: String(parts[0])), dueIn: .milliseconds(milliseconds))
        }
    }

    /// A thousand years: what is later is not due in anybody's time.
    private static let longest: Int64 = 31_557_600_000_000
}
