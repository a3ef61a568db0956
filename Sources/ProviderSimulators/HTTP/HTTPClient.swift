import AdapterKit
import NIOCore
import NIOHTTP1
import NIOPosix

/// Makes one plain HTTP/1.1 request on a connection of its own: enough to call a gateway back.
struct HTTPClient: Sendable {
    let group: any EventLoopGroup
    /// For the whole exchange.
    let timeout: Duration

    struct Reply: Sendable {
        var status: Int
        var body: [UInt8]
    }

    /// Throws when there is no whole reply in time.
    func send(_ method: HTTPMethod, _ url: WebURL, headers: [(String, String)] = [], body: [UInt8] = []) async throws -> Reply {
        guard url.scheme == "http" else { throw SimulatorError.callbackFailed("only http is spoken here") }
        let loop = group.next()
        let reply = loop.makePromise(of: Reply.self)
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(ReplyHandler(reply: reply))
                }
            }
            .connect(host: url.host, port: url.port)
        connecting.whenFailure { reply.fail($0) }
        let channel = try await connecting.get()
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: url.target)
        head.headers.add(name: "Host", value: "\(url.host):\(url.port)")
        head.headers.add(name: "Connection", value: "close")
        if !body.isEmpty { head.headers.add(name: "Content-Length", value: String(body.count)) }
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        let parts = [.head(head), .body(.byteBuffer(ByteBuffer(bytes: body))), .end(nil)] as [HTTPClientRequestPart]
        for part in parts { channel.write(part, promise: nil) }
        channel.flush()
        let timer = loop.scheduleTask(in: TimeAmount(timeout)) { channel.close(promise: nil) }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        return try await withTaskCancellationHandler {
            try await reply.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}

/// Gathers the one reply of a connection.
private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let reply: EventLoopPromise<HTTPClient.Reply>
    private var status = 0
    private var body: [UInt8] = []

    init(reply: EventLoopPromise<HTTPClient.Reply>) { self.reply = reply }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let bytes): body.append(contentsOf: bytes.readableBytesView)
        case .end: reply.succeed(HTTPClient.Reply(status: status, body: body))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        reply.fail(error)
        context.close(promise: nil)
    }

    // After a whole reply this is too late to matter: a promise is fulfilled once.
    func channelInactive(context: ChannelHandlerContext) { reply.fail(SimulatorError.callbackFailed("closed without a reply")) }
}
