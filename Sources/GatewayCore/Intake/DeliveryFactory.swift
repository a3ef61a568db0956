public import AdapterKit
import GatewayModel

/// Makes deliveries from an address and content: the one place where channel rules, content forms and policies meet what is planned.
public struct DeliveryFactory: Sendable {
    public let channels: Channels

    public init(channels: Channels) { self.channels = channels }

    /// The endpoint and the stored content of one leg, or every fault with its path.
    public func check(
        channel name: ChannelName, to: String, content: JSONValue, path: String, acceptedAt: Timestamp
    ) throws(Faults) -> (Channel, Endpoint, RenderedContent) {
        let leg = try read(channel: name, to: to, content: content, path: path, acceptedAt: acceptedAt)
        guard leg.faults.isEmpty, let endpoint = leg.endpoint, let rendered = leg.content else { throw Faults(leg.faults) }
        return (leg.channel, endpoint, rendered)
    }

    /// Every fault of a leg that may lack its address or its content: those are then faults of their own, which others tell.
    func faults(channel name: ChannelName, to: String?, content: JSONValue?, path: String, acceptedAt: Timestamp) -> [Fault] {
        do { return try read(channel: name, to: to, content: content, path: path, acceptedAt: acceptedAt).faults } catch {
            return error.list
        }
    }

    private struct Leg {
        var channel: Channel
        var endpoint: Endpoint?
        var content: RenderedContent?
        var faults: [Fault] = []
    }

    /// Reads what there is of a leg; throws where its channel is none, since what else is wrong cannot be told without one.
    private func read(
        channel name: ChannelName, to: String?, content: JSONValue?, path: String, acceptedAt: Timestamp
    ) throws(Faults) -> Leg {
        let prefix = path.isEmpty ? "" : path + "."
        guard let channel = channels[name] else {
            let names = channels.all.map(\.name.rawValue).joined(separator: ", ")
            throw Faults([Fault(prefix + "channel", channels.isInstalled(name) ? "is not configured" : "must be one of \(names)")])
        }
        var leg = Leg(channel: channel)
        if let to {
            do { leg.endpoint = try channel.endpoint(from: to) } catch { leg.faults.append(Fault(prefix + "to", error.message)) }
        }
        if let content {
            do {
                leg.content = try Self.normalize(
                    content, form: channel.descriptor.contentForm, path: prefix + "content", acceptedAt: acceptedAt)
            } catch { leg.faults += error.list }
        }
        if let endpoint = leg.endpoint, let content = leg.content {
            leg.faults += channel.adapter.preflight(content, to: endpoint).map {
                Fault(prefix + $0.path, $0.message)
            }
        }
        return leg
    }

    /// Content in the form it is stored in: checked, and for data with the time that receivers are told.
    public static func normalize(_ content: JSONValue, form: ContentForm, path: String, acceptedAt: Timestamp) throws(Faults)
        -> RenderedContent
    {
        switch form {
        case .mail: return RenderedContent(try MailContent(json: content, path: path).json)
        case .chat: return RenderedContent(try ChatContent(json: content, path: path).json)
        case .data:
            var object = try DataContent(json: content, path: path).json.objectValue ?? [:]
            object["timestamp"] = .string(acceptedAt.description)
            return RenderedContent(.object(object))
        }
    }

    /// The deadline of a delivery that is due at `dueAt`.
    public func deadline(_ channel: Channel, dueAt: Timestamp, expiresAt: Timestamp?) -> Timestamp {
        min(dueAt + channel.policy.retry.deadline, expiresAt ?? .distantFuture)
    }
}
