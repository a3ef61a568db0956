import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import GatewayAPI

/// How long a client may keep a connection.
@Suite struct ConnectionTests {
    private let connections = Connections()

    private func open() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(handler: ConnectionWatch(connections))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private let head = HTTPRequestPart.head(.init(method: .post, scheme: nil, authority: nil, path: "/"))
    private let byte = HTTPRequestPart.body(ByteBuffer(string: " "))

    @Test func aBodyHasToArriveInTime() throws {
        let channel = try open()
        try channel.writeInbound(head)
        for _ in 1...11 {
            channel.embeddedEventLoop.advanceTime(by: .seconds(10))
            try channel.writeInbound(byte)
        }
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        #expect(!channel.isActive)
    }

    @Test func aCallThatHasArrivedTakesItsTime() throws {
        let channel = try open()
        for _ in 1...3 {
            for part in [head, byte, .end(nil)] { try channel.writeInbound(part) }
            channel.embeddedEventLoop.advanceTime(by: .minutes(10))
            #expect(channel.isActive)
        }
        try channel.close().wait()
    }

    @Test func allAreClosedAndWhatComesLaterToo() throws {
        let (first, second) = (try open(), try open())
        try second.close().wait()
        connections.close()
        #expect(!first.isActive)
        let late = EmbeddedChannel(handler: ConnectionWatch(connections))
        #expect(throws: ChannelError.self) { try late.close().wait() }
    }
}
