import AdapterKit
import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import SMTPTransport

@Suite(.timeLimit(.minutes(2))) struct SMTPResolverTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    @Test func aNameThatHangsIsAskedForOnceAndHoldsNobodyUp() async throws {
        let gate = DispatchSemaphore(value: 0)
        let asked = Mutex<[String: Int]>([:])
        let resolver = SMTPResolver { host in
            asked.withLock { $0[host, default: 0] += 1 }
            if host == "hangs" { gate.wait() }
            return [try SocketAddress(ipAddress: "192.0.2.1", port: 0)]
        }
        // More connections wait for it than there are threads.
        let hanging = (0..<100).map { _ in resolver.addresses(of: "hangs", port: 25, on: loop) }
        for number in 0..<100 {
            let found = try await resolver.addresses(of: "answers-\(number)", port: 587, on: loop).get()
            #expect(found.map(\.port) == [587])
        }
        gate.signal()
        for waiting in hanging {
            let found = try await waiting.get()
            #expect(found.map(\.ipAddress) == ["192.0.2.1"])
        }
        #expect(asked.withLock { $0["hangs"] } == 1)
        // What was asked before is asked again: an answer is not kept.
        _ = try await resolver.addresses(of: "answers-1", port: 25, on: loop).get()
        #expect(asked.withLock { $0["answers-1"] } == 2)
    }

    @Test(arguments: ["", "a\0b", "name with blanks"]) func whatIsNoNameHasNoAddress(host: String) async {
        let failure = await #expect(throws: SMTPDialer.Failure.self) {
            try await SMTPResolver().addresses(of: host, port: 25, on: loop).get()
        }
        #expect(failure?.failure.reason == .nameResolution)
    }
}
