import AdapterKit
public import GatewayModel
public import Logging

/// Writes what operators need to know to the log; what goes well thousands of times a second is only there at debug level.
///
/// An address appears as its keyed hash, so that one recipient's deliveries can be followed without naming the recipient.
public struct LogObserver: DeliveryObserver {
    private let logger: Logger
    private let hasher: any AddressHasher

    public init(_ logger: Logger, hasher: any AddressHasher) {
        self.logger = logger
        self.hasher = hasher
    }

    public func observe(_ event: GatewayEvent) {
        switch event {
        case .accepted, .claimed, .quoteAction: break
        case .changed(let delivery):
            // One that failed, or may have, is somebody's business.
            let level: Logger.Level = delivery.state == .failed || delivery.state == .unknown ? .info : .debug
            guard logger.logLevel <= level else { return }
            logger.log(
                level: level, "delivery changed",
                metadata: [
                    "delivery": "\(delivery.id)", "organization": "\(delivery.organizationID)", "channel": "\(delivery.endpoint.channel)",
                    "state": "\(delivery.state.rawValue)", "reason": "\(delivery.reason?.rawValue ?? "")",
                    "address": "\(hasher.hash(delivery.endpoint.address))",
                ])
        case .suppressionAdded(let suppression):
            logger.info(
                "suppression added",
                metadata: [
                    "organization": "\(suppression.organizationID)", "channel": "\(suppression.endpoint.channel)",
                    "reason": "\(suppression.reason.rawValue)", "address": "\(hasher.hash(suppression.endpoint.address))",
                ])
        case .attempted(let delivery, let outcome, let failure, let took):
            let level: Logger.Level = failure == nil ? .debug : .info
            guard logger.logLevel <= level else { return }
            var metadata: Logger.Metadata = [
                "delivery": "\(delivery.id)", "organization": "\(delivery.organizationID)", "channel": "\(delivery.endpoint.channel)",
                "outcome": "\(outcome.rawValue)", "seconds": "\(took.inSeconds)",
            ]
            if let failure {
                metadata["class"] = "\(failure.errorClass.rawValue)"
                metadata["code"] = failure.code.map { "\($0)" }
                metadata["why"] = "\(failure.message)"
            }
            logger.log(level: level, "attempt ended", metadata: metadata)
        case .leaseLost(let channel): logger.warning("a result came after its lease was lost", metadata: ["channel": "\(channel)"])
        case .settlementFailed(let channel, let error):
            logger.error("a result could not be recorded", metadata: ["channel": "\(channel)", "error": "\(error)"])
        case .circuit(let channel, let state):
            logger.warning("circuit changed", metadata: ["channel": "\(channel)", "state": "\(state.rawValue)"])
        case .accountPaused(let channel, let failure):
            logger.error(
                "account paused",
                metadata: [
                    "channel": "\(channel)", "class": "\(failure.errorClass.rawValue)", "code": "\(failure.code ?? "")",
                    "why": "\(failure.message)",
                ])
        case .accountResumed(let channel): logger.notice("account resumed", metadata: ["channel": "\(channel)"])
        case .storeFailed(let during, let error): logger.error("store failed", metadata: ["during": "\(during)", "error": "\(error)"])
        case .recovered(let channel, let count):
            logger.notice("took up what a stopped node left", metadata: ["channel": "\(channel)", "count": "\(count)"])
        case .eventUndecodable(let id, let organizationID):
            logger.error(
                "an event that waited to be decided cannot be read, and nothing is sent for it",
                metadata: ["event": "\(id)", "organization": "\(organizationID)"])
        case .eventHeldUp(let id, let organizationID, let error):
            logger.error(
                "an event waits to be decided until what it needs can be read",
                metadata: ["event": "\(id)", "organization": "\(organizationID)", "error": "\(error)"])
        case .purged(let rows): logger.info("retention removed rows", metadata: ["rows": "\(rows)"])
        }
    }
}
