import AdapterKit
import CurlTransport
import NIOCore
import ProviderSimulators
import Testing
import WireTestKit

/// Cancelling, and the end of the transport.
@Suite(.timeLimit(.minutes(2)))
struct EndingTests {
    @Test func aCancelledTaskEndsItsTransferAndTheConnection() async throws {
        let gone = AsyncStream.makeStream(of: Void.self)
        let came = AsyncStream.makeStream(of: Void.self)
        let server = try await RawServer { channel in
            channel.closeFuture.whenComplete { _ in gone.continuation.finish() }
            came.continuation.finish()
        }
        try await WireBench.transport { transport in
            let task = Task { try await transport.send(.to(server.url)) }
            for await _ in came.stream {}
            task.cancel()
            // The connection stood; whether a byte of the request had left is the transport's to know.
            switch await task.result {
            case .success(let result): #expect(result.summary == "closed, may have arrived")
            case .failure(let error): #expect(error is CancellationError)
            }
            for await _ in gone.stream {}
        }
        await server.stop()
    }

    @Test func aTaskCancelledBeforehandOpensNoConnection() async throws {
        try await WireBench.with { bench in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await bench.send(bench.request())
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(bench.server.connections == 0)
        }
    }

    @Test func cancellingOneRequestLeavesItsNeighboursAlone() async throws {
        try await WireBench.with([WebhookRule(.held(.answer(HTTPAnswer(200))))]) { bench in
            let tasks = (0..<8).map { _ in Task { try await bench.send(bench.request()) } }
            try await bench.sees(8)
            for task in tasks.prefix(4) { task.cancel() }
            for task in tasks.prefix(4) { try await task.ends(as: "closed, may have arrived") }
            bench.server.release()
            for task in tasks.dropFirst(4) { try await task.ends(as: "HTTP 200") }
        }
    }

    @Test func aShutdownEndsWhatRunsAndRefusesWhatComes() async throws {
        try await WireBench.with([WebhookRule(.fault(.hang))], configuration: CurlConfiguration(maxConnectionsPerHost: 2)) { bench in
            let block = try #require(AddressBlock("127.0.0.0/8"))
            let sent = [.trusted, .guarded(allow: [block])].map { policy in
                Task { try await bench.send(bench.request(network: policy)) }
            }
            try await bench.sees(2)
            let deaf = try DeafListener()
            let connecting = Task { try await bench.transport.send(.to("https://127.0.0.1:\(deaf.port)/")) }
            await bench.transport.shutdown()
            for task in sent { try await task.ends(as: "closed, may have arrived") }
            try await connecting.ends(as: "closed, not sent")
            try await bench.transport.gives("closed, not sent", to: bench.request())
            #expect(bench.server.connections == 2)
            // Once more does no harm.
            await bench.transport.shutdown()
        }
    }

    @Test func aShutdownWhileRequestsComeEndsEachOfThem() async throws {
        try await WireBench.with { bench in
            await withTaskGroup(of: String.self) { group in
                for index in 0..<200 {
                    group.addTask { (try? await bench.send(bench.request()).summary) ?? "threw" }
                    if index == 100 {
                        group.addTask {
                            await bench.transport.shutdown()
                            return "shut down"
                        }
                    }
                }
                for await summary in group {
                    #expect(["HTTP 200", "closed, not sent", "closed, may have arrived", "shut down"].contains(summary))
                }
            }
        }
    }

    @Test func aTransportThatIsDroppedEndsItsThreads() async throws {
        let gone = AsyncStream.makeStream(of: Void.self)
        let server = try await RawServer { channel in
            channel.closeFuture.whenComplete { _ in gone.continuation.finish() }
            channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), promise: nil)
        }
        var transport: CurlTransport? = CurlTransport()
        let result = try await transport?.send(.to(server.url))
        #expect(result?.summary == "HTTP 200")
        // Its thread alone holds the idle connection now, and ends.
        transport = nil
        for await _ in gone.stream {}
        await server.stop()
    }
}
