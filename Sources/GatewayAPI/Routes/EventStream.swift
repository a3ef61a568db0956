import AdapterKit
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle

/// Writes server-sent events (WHATWG HTML, section 9.2) until the other end leaves or the gateway stops.
struct EventStream {
    private var writer: any ResponseBodyWriter
    private let clock: any WallClock

    /// How long a stream is silent at the most.
    private static let heartbeat = Duration.seconds(10)

    init(_ writer: any ResponseBodyWriter, clock: any WallClock) {
        self.writer = writer
        self.clock = clock
    }

    @concurrent mutating func send(event: String, id: String? = nil, data: JSONValue) async throws {
        let name = id.map { "id: \($0)\n" } ?? ""
        try await writer.write(ByteBuffer(string: "\(name)event: \(event)\ndata: \(data.text)\n\n"))
    }

    /// Lets `look` write at once, after each piece of news and at each heartbeat, where it writes nothing but the beat.
    @concurrent mutating func send(
        after news: some AsyncSequence<some Sendable, Never> & Sendable, look: @concurrent (inout EventStream) async throws -> Void
    ) async throws {
        try await look(&self)
        try await each(of: news) { stream, _ in try await look(&stream) }
    }

    /// Hands every piece of news to `take`, and nil at each heartbeat.
    @concurrent mutating func each<News: Sendable>(
        of news: some AsyncSequence<News, Never> & Sendable, take: @concurrent (inout EventStream, News?) async throws -> Void
    ) async throws {
        let (signals, signal) = AsyncStream.makeStream(of: News?.self, bufferingPolicy: .bufferingNewest(1000))
        let clock = clock
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await piece in news.cancelOnGracefulShutdown() { signal.yield(piece) }
                signal.finish()
            }
            group.addTask {
                while !Task.isCancelled {
                    do { try await clock.sleep(until: clock.now + Self.heartbeat) } catch { return }
                    signal.yield(nil)
                }
            }
            defer { group.cancelAll() }
            for await piece in signals {
                if piece == nil { try await writer.write(ByteBuffer(string: ": \n\n")) }
                try await take(&self, piece)
            }
        }
    }
}

extension Response {
    /// An answer that goes on for as long as the caller listens; its place is free again afterwards, also when nobody ever listened.
    static func events(
        clock: any WallClock, in place: StreamPlaces.Place,
        _ write: @escaping @concurrent @Sendable (inout EventStream) async throws -> Void
    ) -> Response {
        let body = ResponseBody { writer in
            defer { place.giveBack() }
            var stream = EventStream(writer, clock: clock)
            // A reader who left is the ordinary end of a stream.
            try? await write(&stream)
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .xAccelBuffering: "no"], body: body)
    }
}

extension HTTPField.Name {
    /// Keeps a proxy in between from holding events back.
    static let xAccelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
