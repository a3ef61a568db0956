import AdapterKit
import GatewayCore
import GatewayModel
import Logging
import Synchronization
import Testing

/// What operators read at the default level, and what they never do.
@Suite struct LogObserverTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            lines.all.withLock { $0.append("\(event.level) \(event.message) \(metadata)") }
        }
    }

    private struct Hasher: AddressHasher {
        func hash(_ address: String) -> String { "hash" }
    }

    private func lines(_ events: GatewayEvent...) -> [String] {
        let lines = Lines()
        let observer = LogObserver(Logger(label: "test") { _ in Handler(lines: lines) }, hasher: Hasher())
        for event in events { observer.observe(event) }
        return lines.all.withLock { $0 }
    }

    @Test func aTryThatFailedIsToldWithItsReason() {
        let failure = DeliveryFailure(.connection, code: "421", "the server closed the connection")
        let delivery = Delivery.example()
        let told = lines(
            .attempted(delivery, .deferred, failure, took: .seconds(2)), .attempted(delivery, .accepted, nil, took: .seconds(1)))
        #expect(
            told == [
                "info attempt ended channel=email class=connection code=421 delivery=\(delivery.id) organization=\(delivery.organizationID) "
                    + "outcome=deferred seconds=2.0 why=the server closed the connection"
            ])
    }

    @Test(arguments: DeliveryState.allCases) func aDeliveryThatFailedIsNamedAndItsRecipientIsNot(state: DeliveryState) {
        let delivery = Delivery.example(state)
        let told = lines(.changed(delivery))
        #expect(told.count == ([.failed, .unknown].contains(state) ? 1 : 0))
        #expect(told.allSatisfy { $0.contains("delivery=\(delivery.id)") && $0.contains("address=hash") })
        #expect(told.allSatisfy { !$0.contains(delivery.endpoint.address) })
    }

    @Test func anEventThatCannotBeReadIsToldByItsIdAlone() {
        let (id, organizationID) = (EventID.make(), OrganizationID.make())
        let told = lines(.eventUndecodable(id, organizationID))
        #expect(told.count == 1 && told[0].hasPrefix("error ") && told[0].contains("\(id)") && told[0].contains("\(organizationID)"))
    }

    @Test func anEventThatIsHeldUpIsToldWithWhatCannotBeRead() {
        let (id, organizationID) = (EventID.make(), OrganizationID.make())
        #expect(
            lines(.eventHeldUp(id, organizationID, .corrupt(what: "quote"))) == [
                "error an event waits to be decided until what it needs can be read error=a stored quote cannot be read event=\(id) "
                    + "organization=\(organizationID)"
            ])
    }
}
