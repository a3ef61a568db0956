import AdapterKit
import NIOCore
import NIOHTTP1
import Signing
import Synchronization

/// Sends the status callbacks of accepted messages to one address, one after another, each signed with the app secret.
///
/// What is not answered 200 is sent again, a few times and ever later, as Meta does over days.
final class StatusCallbacks: Sendable {
    private static let tries = 5
    private static let firstWait = Duration.milliseconds(100)

    /// The callbacks answered 200; each record is a body.
    let delivered = Recorder<[UInt8]>(keepsRecords: false)
    private let client: HTTPClient
    private let loop: any EventLoop
    private let key: HMACSHA256
    private let url: Mutex<WebURL?>
    private let bodies: AsyncStream<[UInt8]>
    private let queue: AsyncStream<[UInt8]>.Continuation
    private let sending = Mutex<Task<Void, Never>?>(nil)

    init(url: WebURL?, appSecret: Secret, group: any EventLoopGroup) {
        self.url = Mutex(url)
        key = HMACSHA256(key: Array(appSecret.reveal().utf8))
        client = HTTPClient(group: group, timeout: .seconds(10))
        loop = group.next()
        (bodies, queue) = AsyncStream.makeStream(of: [UInt8].self)
    }

    /// Begins to send; once.
    func start() {
        sending.withLock { sending in
            guard sending == nil else { return }
            sending = Task { [self] in
                for await body in bodies { await deliver(body) }
            }
        }
    }

    func setURL(_ url: WebURL?) { self.url.withLock { $0 = url } }

    var target: WebURL? { url.withLock { $0 } }

    /// Queues one callback; without an address it is dropped.
    func enqueue(_ body: @autoclosure () -> JSONValue) {
        guard target != nil else { return }
        queue.yield(body().bytes)
    }

    private func deliver(_ body: [UInt8]) async {
        var wait = Self.firstWait
        for _ in 0..<Self.tries where !Task.isCancelled {
            guard let url = target else { return }
            // Whatever keeps a reply from coming, the answer to it is the next try.
            if let reply = try? await post(body, to: url), reply.status == 200 {
                delivered.append(body)
                return
            }
            await pause(wait)
            wait *= 2
        }
    }

    private func post(_ body: [UInt8], to url: WebURL) async throws -> HTTPClient.Reply {
        let signature = "sha256=" + Hex.encode(key.code(for: body))
        let headers = [("Content-Type", "application/json"), ("X-Hub-Signature-256", signature)]
        return try await client.send(.POST, url, headers: headers, body: body)
    }

    /// Waits on a timer that cancellation ends.
    private func pause(_ duration: Duration) async {
        let timer = loop.scheduleTask(in: TimeAmount(duration)) {}
        await withTaskCancellationHandler {
            _ = try? await timer.futureResult.get()
        } onCancel: {
            timer.cancel()
        }
    }

    /// Does what Meta does when an address is registered: asks it for the challenge. Throws when the answer is not the challenge.
    func verify(token: Secret) async throws {
        guard let url = target else { throw SimulatorError.callbackFailed("no address is set") }
        let challenge = Hex.encode(RandomBytes.make(8))
        let separator = url.target.contains("?") ? "&" : "?"
        let query = "hub.mode=subscribe&hub.verify_token=\(Self.escape(token.reveal()))&hub.challenge=\(challenge)"
        guard let asking = WebURL("http://\(url.host):\(url.port)\(url.target)\(separator)\(query)") else {
            throw SimulatorError.callbackFailed("the address is too long")
        }
        let reply = try await client.send(.GET, asking)
        guard reply.status == 200 else { throw SimulatorError.callbackFailed("answered \(reply.status)") }
        guard reply.body == Array(challenge.utf8) else { throw SimulatorError.callbackFailed("answered without the challenge") }
    }

    /// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
    private static func escape(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            let isUnreserved = byte < 0x80 && (character.isLetter || character.isNumber || "-._~".contains(character))
            return isUnreserved ? String(character) : "%" + Hex.encode([byte]).uppercased()
        }.joined()
    }

    /// Drops what is queued and ends the exchange at hand.
    func stop() async {
        queue.finish()
        let task = sending.withLock { $0 }
        task?.cancel()
        await task?.value
        delivered.close()
    }
}
