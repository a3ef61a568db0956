import AdapterKit
import CCurl

/// A curl multi handle and the transfers on it. Made, run and destroyed on one thread.
final class CurlEngine {
    private let mailbox: CurlMailbox
    private let configuration: CurlConfiguration
    private let multi: UnsafeMutableRawPointer
    private var running: [UnsafeMutableRawPointer: CurlTransfer] = [:]
    private var handles: [UInt64: UnsafeMutableRawPointer] = [:]
    private var idle: [UnsafeMutableRawPointer] = []
    /// Not later than the earliest deadline of a transfer.
    private var firstDeadline: ContinuousClock.Instant?

    /// How long a poll lasts when nothing is under way; libcurl shortens it to its own timers.
    private static let longestPoll = Duration.seconds(3600)

    init(_ configuration: CurlConfiguration, mailbox: CurlMailbox) {
        guard let multi = curl_multi_init() else { preconditionFailure("libcurl gives no multi handle") }
        self.multi = multi
        self.configuration = configuration
        self.mailbox = mailbox
        let limits = [
            gateway_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, configuration.maxConnectionsPerHost),
            gateway_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, configuration.maxConnections),
            gateway_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.maxConnections),
        ]
        precondition(limits.allSatisfy { $0 == CURLM_OK }, "libcurl refuses the limits of its connections")
    }

    deinit {
        for easy in idle { curl_easy_cleanup(easy) }
        curl_multi_cleanup(multi)
    }

    /// Serves the mailbox until it is closed; then ends what is still under way.
    func run() {
        mailbox.setHandle(multi)
        while true {
            let mail = mailbox.collect()
            for order in mail.orders { start(order) }
            for id in mail.cancelled { cancel(id) }
            if mail.isClosed { break }
            var active: Int32 = 0
            Self.check(curl_multi_perform(multi, &active))
            finishEnded()
            finishOverdue(at: .now)
            Self.check(curl_multi_poll(multi, nil, 0, pollTime(at: .now), nil))
        }
        mailbox.setHandle(nil)
        for transfer in running.values {
            let failure = HTTPFailure(.closed, mayHaveArrived: transfer.mayHaveArrived, HTTPFailure.shutDown.message)
            end(transfer, .failure(failure))
        }
    }

    private func start(_ order: CurlOrder) {
        guard let easy = idle.popLast() ?? curl_easy_init() else {
            order.waiter.resume(returning: .failure(.notStarted))
            return
        }
        let transfer = CurlTransfer(order, easy: easy)
        running[easy] = transfer
        handles[order.id] = easy
        firstDeadline = min(firstDeadline ?? order.deadline, order.deadline)
        if !transfer.prepare(configuration) || curl_multi_add_handle(multi, easy) != CURLM_OK {
            end(transfer, .failure(.notStarted))
        }
    }

    private func cancel(_ id: UInt64) {
        guard let easy = handles[id], let transfer = running[easy] else { return }
        // Of what had left already the caller must hear that it may have arrived.
        end(transfer, transfer.mayHaveArrived ? .failure(HTTPFailure(.closed, mayHaveArrived: true, "the request was cut off")) : nil)
    }

    private func finishEnded() {
        var code = CURLE_OK
        while let easy = gateway_multi_next_finished(multi, &code) {
            guard let transfer = running[easy] else { continue }
            end(transfer, transfer.result(code))
        }
    }

    /// Ends what has run out of time, whether it is under way or still waits for a connection.
    private func finishOverdue(at now: ContinuousClock.Instant) {
        guard let first = firstDeadline, first <= now else { return }
        for transfer in Array(running.values) where transfer.order.deadline <= now {
            end(transfer, transfer.result(CURLE_OPERATION_TIMEDOUT))
        }
        firstDeadline = running.values.lazy.map(\.order.deadline).min()
    }

    private func pollTime(at now: ContinuousClock.Instant) -> Int32 {
        let left = firstDeadline.map { min(max($0 - now, .zero), Self.longestPoll) } ?? Self.longestPoll
        // Rounded up: a poll that ends just before the deadline would be followed by many short ones.
        return Int32(left.microseconds / 1000) + 1
    }

    /// Frees the handle before it tells the waiter, who may come back with the next request at once.
    private func end(_ transfer: CurlTransfer, _ result: HTTPResult?) {
        let easy = transfer.easy
        running[easy] = nil
        handles[transfer.order.id] = nil
        // A handle that was never added is none to remove, which libcurl takes without complaint.
        curl_multi_remove_handle(multi, easy)
        curl_easy_reset(easy)
        if idle.count < configuration.maxConnections { idle.append(easy) } else { curl_easy_cleanup(easy) }
        transfer.order.waiter.resume(returning: result)
    }

    /// These fail only of a wrong handle or for want of memory; no transfer could be trusted to end any more.
    private static func check(_ code: CURLMcode) {
        precondition(code == CURLM_OK, "libcurl's loop failed with code \(code.rawValue)")
    }
}
