/// One line of a webhook simulator's script: requests to these paths get this.
///
/// Rules are asked in order and the first that fits wins. `nth` counts, for each rule by itself, the requests that fit it and that no rule
/// before it took.
public struct WebhookRule: Hashable, Sendable, CountedRule {
    /// What the path begins with; `/` for every path.
    public var path: String
    public var nth: ClosedRange<Int>?
    public var reaction: HTTPReaction

    public init(path: String = "/", nth: ClosedRange<Int>? = nil, _ reaction: HTTPReaction) {
        self.path = path
        self.nth = nth
        self.reaction = reaction
    }
}
