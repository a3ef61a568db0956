/// What one session told all those that listen on a channel.
public struct PostgresNotification: Hashable, Sendable {
    public let channel: String
    public let payload: String
}
