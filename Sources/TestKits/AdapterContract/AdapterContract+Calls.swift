import AdapterKit

// The rules about what goes out.
extension AdapterContract {
    func oneCall() async throws -> [String] {
        let bench = try bench(yes)
        let seen = SeenOutcome(try await bench.adapter.deliver(request))
        var found = seen.kind == .accepted ? [] : ["the sample was not accepted but \(seen.kind)"]
        for reply in [yes] + trouble {
            let bench = try self.bench(reply)
            _ = try await bench.adapter.deliver(request)
            if bench.wire.count != 1 { found.append("made \(bench.wire.count) calls for one try") }
        }
        return found
    }

    func parallelTries() async throws -> [String] {
        let bench = try bench(yes)
        let adapter = bench.adapter
        let requests = (0..<16).map { number in
            var one = request
            one.deliveryID = DeliveryID(UUIDBits(high: one.deliveryID.bits.high, low: 0x8000_0000_0000_1000 + UInt64(number)))
            return one
        }
        let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for one in requests { group.addTask { SeenOutcome(try await adapter.deliver(one)).kind == .accepted } }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        let wire = bench.wire
        var found = accepted == 16 ? [] : ["16 tries at once: only \(accepted) accepted"]
        for one in requests where wire.count(where: { $0.contains(one.wireID) }) != 1 {
            found.append("a wire id did not go out in exactly one of 16 calls")
        }
        return found
    }

    func sameBytes() async throws -> [String] {
        let (first, second, later) = (try bench(yes), try bench(yes), try bench(yes, now: sample.now + .seconds(30)))
        for bench in [first, second, later] { _ = try await bench.adapter.deliver(request) }
        var found = first.wire == second.wire ? [] : ["the same request gave other bytes"]
        if first.http.calls.map(\.body) != later.http.calls.map(\.body) { found.append("the body changes with the time of the try") }
        if first.mail.calls.map(\.mail?.data) != later.mail.calls.map(\.mail?.data) {
            found.append("the message changes with the time of the try")
        }
        return found
    }

    func wireID() async throws -> [String] {
        var found: [String] = []
        for attempt in [1, 2, 7] {
            let bench = try bench(yes)
            var again = request
            again.attempt = attempt
            _ = try await bench.adapter.deliver(again)
            if !bench.wire.allSatisfy({ $0.contains(request.wireID) }) { found.append("try \(attempt) does not carry the delivery's id") }
        }
        return found
    }

    func cancellation() async throws -> [String] {
        let bench = try bench(nil)
        let adapter = bench.adapter
        let request = request
        let task = Task { () -> String? in
            do { return "was cancelled and still gave \(SeenOutcome(try await adapter.deliver(request)).kind)" } catch { return nil }
        }
        task.cancel()
        return await task.value.map { [$0] } ?? []
    }

    func withinDeadline() async throws -> [String] {
        let bench = try bench(yes)
        var hurried = request
        hurried.deadline = sample.now + .seconds(2)
        _ = try await bench.adapter.deliver(hurried)
        var found: [String] = []
        for call in bench.http.calls {
            if call.timeout > .seconds(2) { found.append("lets a call run \(call.timeout) with two seconds left") }
            if call.connectTimeout > call.timeout { found.append("waits longer for the connection than for the whole call") }
        }
        for call in bench.mail.calls where (call.mail?.deadline ?? .distantFuture) > hurried.deadline {
            found.append("gives the transaction a later deadline")
        }
        let calm = try self.bench(yes)
        _ = try await calm.adapter.deliver(request)
        for call in calm.http.calls where call.timeout > type.descriptor.attemptTimeout {
            found.append("a call may take longer than the channel's try")
        }
        return found
    }

    func idempotenceDeclared() async throws -> [String] {
        let bench = try bench(yes)
        _ = try await bench.adapter.deliver(request)
        let mayRepeat = type.descriptor.lostAnswer == .resend
        return bench.http.calls.contains { $0.isIdempotent != mayRepeat }
            ? ["calls are \(mayRepeat ? "not " : "")idempotent, but a lost answer is \(type.descriptor.lostAnswer.rawValue)"] : []
    }

    func undecodableContent() async throws -> [String] {
        var found: [String] = []
        for bytes in ["", "{", "null", "[]", "\"text\"", "{\"nobody\":\"knows\"}", "\u{0}\u{1}"] {
            let bench = try bench(yes)
            var broken = request
            broken.content = RenderedContent(bytes: Array(bytes.utf8))
            let seen = SeenOutcome(try await bench.adapter.deliver(broken))
            if seen.kind != .rejected || seen.part != .message {
                found.append("content \(bytes) was \(seen.kind), not rejected as the message's fault")
            }
            if !bench.wire.isEmpty { found.append("content \(bytes) went out") }
            if bench.adapter.preflight(broken.content, to: endpoint).isEmpty { found.append("preflight finds nothing wrong with \(bytes)") }
        }
        let fine = try bench(yes).adapter.preflight(request.content, to: endpoint)
        return found + fine.map { "preflight refuses the sample: \($0.path) \($0.message)" }
    }

    func probeSendsNothing() async throws -> [String] {
        let bench = try bench(yes)
        _ = try await bench.adapter.probe()
        var found: [String] = []
        if bench.http.calls.contains(where: { $0.method != "GET" && $0.method != "HEAD" || !$0.body.isEmpty }) {
            found.append("the probe makes more than a reading call")
        }
        if bench.mail.calls.contains(where: { $0.mail != nil }) { found.append("the probe sends mail") }
        return found
    }
}
