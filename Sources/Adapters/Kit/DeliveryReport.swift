/// Later news of a delivery from its provider; reports may come in any order and more than once.
public struct DeliveryReport: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable, Codable {
        case sent, delivered, read, bounced, complained, failed, reply
    }

    /// How the report names what it is about; either is enough.
    public var providerMessageID: String?
    /// Our own id, where the provider echoes it.
    public var deliveryID: DeliveryID?
    public var kind: Kind
    public var at: Timestamp
    public var failure: DeliveryFailure?
    /// What a `bounced` or `failed` report says about the address.
    public var rejectedPart: RejectedPart?

    public init(
        providerMessageID: String? = nil, deliveryID: DeliveryID? = nil, kind: Kind, at: Timestamp, failure: DeliveryFailure? = nil,
        rejectedPart: RejectedPart? = nil
    ) {
        self.providerMessageID = providerMessageID
        self.deliveryID = deliveryID
        self.kind = kind
        self.at = at
        self.failure = failure
        self.rejectedPart = rejectedPart
    }
}
