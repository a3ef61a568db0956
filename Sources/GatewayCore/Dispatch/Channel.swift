public import AdapterKit

/// An installed channel as core uses it: its descriptor, one configured account, and how its deliveries are treated.
public struct Channel: Sendable {
    public var descriptor: AdapterDescriptor
    public var adapter: any ChannelAdapter
    public var policy: ChannelPolicy

    public init(adapter: any ChannelAdapter, policy: ChannelPolicy? = nil) {
        self.descriptor = type(of: adapter).descriptor
        self.adapter = adapter
        self.policy = policy ?? ChannelPolicy(type(of: adapter).descriptor)
    }

    public var name: ChannelName { descriptor.channel }

    /// The canonical endpoint of an address on this channel.
    public func endpoint(from address: String) throws(EndpointError) -> Endpoint { try type(of: adapter).endpoint(from: address) }
}

/// The channels of this gateway: those installed, and those of them that are configured.
public struct Channels: Sendable {
    private let configured: [ChannelName: Channel]
    public let installed: [AdapterDescriptor]

    public init(_ channels: [Channel], installed: [AdapterDescriptor]? = nil) {
        self.configured = Dictionary(channels.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        self.installed = installed ?? channels.map(\.descriptor)
    }

    public subscript(name: ChannelName) -> Channel? { configured[name] }
    public var all: [Channel] { configured.values.sorted { $0.name < $1.name } }
    public func isInstalled(_ name: ChannelName) -> Bool { installed.contains { $0.channel == name } }
    public func descriptor(_ name: ChannelName) -> AdapterDescriptor? { installed.first { $0.channel == name } }
}
