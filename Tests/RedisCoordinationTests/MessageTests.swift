import AdapterKit
import GatewayCore
import GatewayModel
import Testing

@testable import RedisCoordination

/// What travels over Redis, written and read.
@Suite struct MessageTests {
    @Test(arguments: [
        CircuitNews.opened(probeIn: .milliseconds(1500)), .opened(probeIn: .zero), .closed, .resumed,
        .paused(probeIn: .seconds(60), .authentication, code: "535 5.7.8"), .paused(probeIn: .zero, .policy, code: nil),
    ]) func circuitsAreReadAsTheyWereWritten(news: CircuitNews) {
        let message = CircuitMessage(sender: "n1", channel: .email, news: news)
        #expect(CircuitMessage(message.text) == message)
    }

    @Test(arguments: [
        "", "n1", "n1 email", "n1 email burst", "n1 email opened", "n1 email opened -1", "n1 email opened x",
        "n1 email opened 99999999999999999999",
        "n1 email paused 5", "n1 email paused 5 nonsense", "\u{0} \u{0} \u{0}",
    ]) func whatIsNoNewsIsNone(text: String) {
        #expect(CircuitMessage(text) == nil)
    }

    @Test func changesAreReadAsTheyWereWrittenAndTheRestIsLeftOut() {
        let changes = (0..<3).map { number in
            DeliveryChangeNotice(
                organizationID: .make(), deliveryID: .make(), revision: Timestamp(microseconds: 1_700_000_000_000_000 + number))
        }
        let message = ChangeMessage(sender: "n1", changes: changes)
        #expect(ChangeMessage(message.text) == message)
        #expect(ChangeMessage(message.text + " x a,b,c ,, " + "\(OrganizationID.make()),1,1") == message)
        #expect(ChangeMessage("") == nil && ChangeMessage("n1")?.changes == [])
    }

    @Test func keysNameNoAddress() {
        struct Backwards: AddressHasher {
            func hash(_ address: String) -> String { String(address.reversed()) }
        }
        let keys = RedisKeys(database: 3, hasher: Backwards())
        let organization = OrganizationID.make()
        #expect(keys.bucket(RateKey(channel: .email)) == "gateway:rate:{-:email:default}")
        #expect(keys.bucket(RateKey(organizationID: organization, channel: "sms", account: "b")) == "gateway:rate:{\(organization):sms:b}")
        let recipient = Endpoint(channel: .whatsapp, address: "+31612")
        #expect(keys.bucket(RateKey(channel: .whatsapp, recipient: recipient)) == "gateway:rate:{-:whatsapp:default:21613+}")
        #expect(keys.channel(.wakes) == "gateway:3:wakes", "what is published in one database is heard in all")
    }

    @Test func nodesThatWereCountedLatelyAreNotForgottenAtOnce() {
        let start = Timestamp(seconds: 1_000_000)
        var nodes = KnownNodes()
        #expect(nodes.count == 1)
        nodes.counted(3, at: start)
        nodes.counted(1, at: start + .seconds(1))
        #expect(nodes.count == 3, "the server was emptied")
        for second in 2...6 { nodes.counted(2, at: start + .seconds(second)) }
        #expect(nodes.count == 2, "one has gone")
        nodes.counted(4, at: start + .seconds(6))
        #expect(nodes.count == 4)
        nodes.counted(1, at: start + .seconds(600))
        #expect(nodes.count == 4, "the first to come back after an outage is not alone")
        for second in 601...605 { nodes.counted(1, at: start + .seconds(second)) }
        #expect(nodes.count == 4)
        nodes.counted(1, at: start + .seconds(606))
        #expect(nodes.count == 1)
    }
}
