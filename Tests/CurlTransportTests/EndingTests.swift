import AdapterKit
import CurlTransport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct EndingTests {
    @Test("A cancelled task ends its transfer and closes the connection")
    func cancellation() async throws {
        let arrived = Signal()
        let ended = Signal()
        try await withServer { peer in
            _ = peer.readRequest()
            arrived.fire()
            peer.waitForEnd()
            ended.fire()
        } run: { server, transport in
            let request = server.request(timeout: .seconds(600))
            let task = Task { try await transport.send(request) }
            await arrived.wait()
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            await ended.wait()
        }
    }

    @Test("A task cancelled beforehand sends nothing")
    func cancelledBeforehand() async throws {
        try await withServer { _ in
        } run: { server, transport in
            let request = server.request()
            let start = Signal()
            let task = Task {
                await start.wait()
                return try await transport.send(request)
            }
            task.cancel()
            start.fire()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(server.connectionCount == 0)
        }
    }

    @Test("Cancelling one request leaves the others alone")
    func neighbours() async throws {
        let arrived = Signal()
        let cancelled = Signal()
        let gate = Gate(2)
        try await withServer { peer in
            guard let request = peer.readRequest() else { return }
            if request.contains("/hanging") {
                arrived.fire()
                peer.waitForEnd()
                cancelled.fire()
                gate.pass()
            } else {
                gate.pass()
                peer.reply(body: "fine")
            }
        } run: { server, transport in
            var hanging = server.request(timeout: .seconds(600))
            hanging.url += "hanging"
            let lost = Task { [hanging] in try await transport.send(hanging) }
            let request = server.request()
            let kept = Task { try await transport.send(request) }
            await arrived.wait()
            lost.cancel()
            await cancelled.wait()
            let result = try await kept.value
            #expect(result.reply?.body == Array("fine".utf8))
        }
    }

    @Test("A shutdown ends running transfers, in doubt where they were sent, and refuses new ones")
    func shutdown() async throws {
        let arrived = Signal()
        try await withServer { peer in
            _ = peer.readRequest()
            arrived.fire()
            peer.waitForEnd()
        } run: { server, transport in
            let request = server.request(timeout: .seconds(600))
            let task = Task { try await transport.send(request) }
            await arrived.wait()
            await transport.shutdown()
            let ended = try await task.value.failure
            #expect(ended?.reason == .closed)
            #expect(ended?.mayHaveArrived == true)
            let refused = try await transport.send(request).failure
            #expect(refused?.reason == .closed)
            #expect(refused?.mayHaveArrived == false)
            #expect(server.connectionCount == 1)
        }
    }
}
