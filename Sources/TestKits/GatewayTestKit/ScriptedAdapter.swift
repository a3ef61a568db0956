public import AdapterKit

/// An e-mail channel whose provider answers by script.
public final class ScriptedAdapter: ChannelAdapter {
    public static let descriptor = AdapterDescriptor(
        channel: .email, title: "Scripted mail", addressKind: .email, contentForm: .mail, lostAnswer: .resend, quietTime: .seconds(600),
        settings: [])

    public let script: ProviderScript

    public init(_ script: ProviderScript = ProviderScript()) { self.script = script }
    public convenience init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) { self.init() }

    public static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        guard address.contains("@") else { throw EndpointError("is not an address") }
        return Endpoint(channel: .email, address: address.lowercased())
    }

    public func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { try await script.deliver(request) }
    public func probe() async throws(CancellationError) -> DeliveryOutcome { try await script.probe() }
}

/// A chat channel whose provider answers by script, reports later, and cannot bear a message twice.
public final class ScriptedChatAdapter: CallbackReceiving {
    public static let descriptor = AdapterDescriptor(
        channel: .whatsapp, title: "Scripted chat", addressKind: .phone, contentForm: .chat, lostAnswer: .reconcile, settings: [])

    public let script: ProviderScript

    public init(_ script: ProviderScript = ProviderScript()) { self.script = script }
    public convenience init(settings: AdapterSettings, environment: AdapterEnvironment) throws(Faults) { self.init() }

    public static func endpoint(from address: String) throws(EndpointError) -> Endpoint {
        guard let number = PhoneNumber.normalize(address) else { throw EndpointError("is not a telephone number") }
        return Endpoint(channel: .whatsapp, address: number)
    }

    public func deliver(_ request: DeliveryRequest) async throws(CancellationError) -> DeliveryOutcome { try await script.deliver(request) }
    public func probe() async throws(CancellationError) -> DeliveryOutcome { try await script.probe() }
    public func receive(_ callback: InboundCallback) -> CallbackResult { CallbackResult() }
}
