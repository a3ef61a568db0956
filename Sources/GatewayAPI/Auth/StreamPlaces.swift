import HTTPTypes
import Synchronization

/// How many streams may be open on this node: each holds a connection for as long as its reader likes.
final class StreamPlaces: Sendable {
    private struct Taken {
        var all = 0
        var by: [[UInt8]: Int] = [:]
    }

    /// The right to one stream; given back when the stream ends, or when nobody holds it any more.
    final class Place: Sendable {
        private let places: StreamPlaces
        private let reader: [UInt8]
        private let isTaken = Mutex(true)

        fileprivate init(_ places: StreamPlaces, _ reader: [UInt8]) {
            self.places = places
            self.reader = reader
        }

        deinit { giveBack() }

        func giveBack() {
            let wasTaken = isTaken.withLock { isTaken in
                defer { isTaken = false }
                return isTaken
            }
            if wasTaken { places.leave(reader) }
        }
    }

    private let mostByReader: Int
    private let most: Int
    private let taken = Mutex(Taken())

    init(_ limits: APIConfiguration.Limits) {
        mostByReader = limits.streamsPerReader
        most = limits.streams
    }

    /// A place for one who reads with a token or a key, named by its digest or id; throws 429 when all are taken.
    func take(for reader: [UInt8]) throws(APIError) -> Place {
        let isFree = taken.withLock { taken in
            guard taken.all < most, taken.by[reader, default: 0] < mostByReader else { return false }
            taken.all += 1
            taken.by[reader, default: 0] += 1
            return true
        }
        guard isFree else { throw APIError(.rateLimited, "Too many streams are open.", headers: [.retryAfter: "10"]) }
        return Place(self, reader)
    }

    fileprivate func leave(_ reader: [UInt8]) {
        taken.withLock { taken in
            taken.all -= 1
            let left = taken.by[reader, default: 1] - 1
            taken.by[reader] = left > 0 ? left : nil
        }
    }
}
