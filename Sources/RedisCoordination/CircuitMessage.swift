import AdapterKit
import GatewayCore

/// A circuit's news as it travels: sender, channel, what happened, and the milliseconds, class and code that belong to it.
struct CircuitMessage: Hashable {
    var sender: String
    var channel: ChannelName
    var news: CircuitNews

    init(sender: String, channel: ChannelName, news: CircuitNews) {
        self.sender = sender
        self.channel = channel
        self.news = news
    }

    var text: String {
        let words =
            switch news {
            case .opened(let probeIn): ["opened", "\(max(0, probeIn.microseconds / 1000))"]
            case .closed: ["closed"]
            case .paused(let probeIn, let errorClass, let code):
                ["paused", "\(max(0, probeIn.microseconds / 1000))", errorClass.rawValue] + [code].compactMap(\.self)
            case .resumed: ["resumed"]
            }
        return ([sender, channel.rawValue] + words).joined(separator: " ")
    }

    /// `nil` for what cannot be read: such news is no loss.
    init?(_ text: String) {
        // A code may consist of words.
        let words = text.split(separator: " ", maxSplits: 5).map(String.init)
        guard words.count >= 3 else { return nil }
        sender = words[0]
        channel = ChannelName(rawValue: words[1])
        let span = words.count > 3 ? Int64(words[3]).flatMap { (0...Self.longest).contains($0) ? Duration.milliseconds($0) : nil } : nil
        switch (words[2], span) {
        case ("opened", let span?): news = .opened(probeIn: span)
        case ("closed", _): news = .closed
        case ("resumed", _): news = .resumed
        case ("paused", let span?):
            guard words.count > 4, let errorClass = ErrorClass(rawValue: words[4]) else { return nil }
            news = .paused(probeIn: span, errorClass, code: words.count > 5 ? words[5] : nil)
        default: return nil
        }
    }

    /// A day.
    private static let longest: Int64 = 86_400_000
}
