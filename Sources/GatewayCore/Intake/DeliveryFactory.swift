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
        let prefix = path.isEmpty ? "" : path + "."
        guard let channel = channels[name] else {
            let names = channels.all.map(\.name.rawValue).joined(separator: ", ")
            throw Faults([Fault(prefix + "channel", channels.isInstalled(name) ? "is not configured" : "must be one of \(names)")])
        }
        var faults: [Fault] = []
        var endpoint: Endpoint?
        do { endpoint = try channel.endpoint(from: to) } catch { faults.append(Fault(prefix + "to", error.message)) }
        var rendered: RenderedContent?
        do {
            rendered = try Self.normalize(content, form: channel.descriptor.contentForm, path: prefix + "content", acceptedAt: acceptedAt)
        } catch { faults.append(contentsOf: error.list) }
        if let endpoint, let rendered {
            faults += channel.adapter.preflight(rendered, to: endpoint).map {
                Fault($0.path == "to" ? prefix + "to" : "\(prefix)content.\($0.path)", $0.message)
            }
        }
        guard faults.isEmpty, let endpoint, let rendered else { throw Faults(faults) }
        return (channel, endpoint, rendered)
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
