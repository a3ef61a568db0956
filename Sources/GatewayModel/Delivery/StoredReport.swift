public import AdapterKit

/// A provider's report as it is kept, matched or not.
public struct StoredReport: Hashable, Sendable {
    public var id: ReportID
    /// The account's owner; nil for the operator's own account.
    public var organizationID: OrganizationID?
    public var channel: ChannelName
    public var report: DeliveryReport
    public var receivedAt: Timestamp
    /// What it was matched to.
    public var deliveryID: DeliveryID?

    public init(
        id: ReportID, organizationID: OrganizationID? = nil, channel: ChannelName, report: DeliveryReport, receivedAt: Timestamp,
        deliveryID: DeliveryID? = nil
    ) {
        self.id = id
        self.organizationID = organizationID
        self.channel = channel
        self.report = report
        self.receivedAt = receivedAt
        self.deliveryID = deliveryID
    }
}
