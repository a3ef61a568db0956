import AdapterKit
import BlockingIO

/// A thread with one curl multi handle, which carries all requests of one network policy.
///
/// One policy only, because connections are reused within a multi handle and an address is judged when its connection is opened.
final class CurlLoop: Sendable {
    private let mailbox = CurlMailbox()
    private let thread: BlockingThread

    init(_ configuration: CurlConfiguration) {
        thread = BlockingThread(name: "curl")
        let mailbox = mailbox
        thread.perform { CurlEngine(configuration, mailbox: mailbox).run() }
    }

    deinit { end() }

    /// Makes the request; a cancelled task ends it at the loop's next turn, which it brings about.
    func send(_ request: HTTPRequest, to url: WebURL) async throws(CancellationError) -> HTTPResult {
        let id = mailbox.nextID()
        let result: HTTPResult? = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let deadline = ContinuousClock.now + request.timeout
                guard mailbox.submit(CurlOrder(id: id, request: request, url: url, deadline: deadline, waiter: waiter)) else {
                    waiter.resume(returning: .failure(.shutDown))
                    return
                }
                // A cancellation before the submission has found nothing to cancel.
                if Task.isCancelled { mailbox.cancel(id) }
            }
        } onCancel: {
            mailbox.cancel(id)
        }
        guard let result else { throw CancellationError() }
        return result
    }

    /// Ends what is under way, and returns when the thread has ended.
    func stop() async {
        end()
        await thread.stop()
    }

    private func end() {
        mailbox.close()
        thread.finish()
    }
}
