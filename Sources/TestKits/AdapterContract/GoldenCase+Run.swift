public import AdapterKit

extension GoldenCase {
    /// Runs the case on the adapter of its channel and tells every mismatch; an empty list means that it holds.
    public func run(adapter types: [any ChannelAdapter.Type]) async -> [String] {
        guard let type = types.first(where: { $0.descriptor.channel == channel }) else {
            return ["no adapter is registered for \(channel)"]
        }
        if case .endpoint(let from, let canonical) = check { return endpointMismatches(type, from: from, canonical: canonical) }
        let script: (http: [HTTPResult], mail: [MailResult]) =
            switch check {
            case .exchange(.http(_, let result), _): ([result], [])
            case .exchange(.mail(_, let result), _): ([], [result])
            default: ([], [])
            }
        let bench: AdapterBench
        do {
            bench = try AdapterBench(type, settings: settings, network: network, now: now, http: script.http, mail: script.mail)
        } catch {
            guard case .settingsFaults(let paths) = check else { return error.list.map { "settings: \($0.path) \($0.message)" } }
            let secretKeys = Set(type.descriptor.settings.filter(\.isSecret).map(\.key))
            return leaks(of: secretKeys, in: error.list.map(\.message).joined(separator: "\n"), "a settings fault")
                + difference("settingsFaults", paths, error.list.map(\.path))
        }
        var found = bench.leaks(of: bench.secrets, in: bench.shown, "the adapter's description")
        switch check {
        case .settingsFaults(let paths): found.append("settings: expected faults at \(paths), had none")
        case .endpoint: break
        case .preflight(let paths):
            guard let endpoint = try? type.endpoint(from: request.to) else { return ["request.to is no address of this channel"] }
            found += difference("preflight", paths, bench.adapter.preflight(request.content, to: endpoint).map(\.path))
        case .callback(let callback, let expected):
            guard let receiver = bench.adapter as? any CallbackReceiving else { return ["the adapter receives no callbacks"] }
            found += expected.mismatches(receiver.receive(callback))
        case .exchange(let exchange, let expected): found += await exchangeMismatches(bench, exchange, expected)
        }
        return found + bench.leaks(of: bench.secrets, in: bench.log.text, "the log")
    }

    private func exchangeMismatches(_ bench: AdapterBench, _ exchange: Exchange?, _ expected: ExpectedOutcome) async -> [String] {
        var confidential: [String] = []
        let outcome: DeliveryOutcome
        do {
            if isProbe {
                outcome = try await bench.adapter.probe()
            } else {
                let endpoint: Endpoint
                do { endpoint = try type(of: bench.adapter).endpoint(from: request.to) } catch { return ["request.to: \(error.message)"] }
                confidential = request.privateTexts(endpoint)
                outcome = try await bench.adapter.deliver(request.delivery(to: endpoint))
            }
        } catch { return ["threw a cancellation that nobody asked for"] }
        var found = expected.mismatches(outcome)
        let calls = bench.http.calls.count + bench.mail.calls.count
        if calls != (exchange == nil ? 0 : 1) { found.append("expected \(exchange == nil ? "no call" : "one call"), made \(calls)") }
        switch exchange {
        case .http(let call, _): found += bench.http.calls.first.map(call.mismatches) ?? []
        case .mail(let call, _): found += bench.mail.calls.first.map(call.mismatches) ?? []
        case nil: break
        }
        found += bench.leaks(of: bench.secrets + confidential, in: SeenOutcome(outcome).text, "the outcome")
        return found + bench.leaks(of: confidential, in: bench.log.text, "the log")
    }

    private func endpointMismatches(_ type: any ChannelAdapter.Type, from: String, canonical: String?) -> [String] {
        do {
            let endpoint = try type.endpoint(from: from)
            return endpoint == canonical.map { Endpoint(channel: channel, address: $0) }
                ? [] : ["endpoint: expected \(canonical ?? "an error"), was \(endpoint.address)"]
        } catch {
            return canonical == nil ? [] : ["endpoint: expected \(canonical ?? ""), was refused: \(error.message)"]
        }
    }

    /// Settings that were refused are still secret.
    private func leaks(of secretKeys: Set<String>, in text: String, _ place: String) -> [String] {
        let hidden = (settings.objectValue ?? [:]).compactMap { key, value in secretKeys.contains(key) ? value.stringValue : nil }
        return hidden.contains { $0.utf8.count > 4 && text.contains($0) } ? ["a secret stands in \(place)"] : []
    }

    private func difference(_ what: String, _ expected: [String], _ seen: [String]) -> [String] {
        expected.sorted() == seen.sorted() ? [] : ["\(what): expected \(expected.sorted()), was \(seen.sorted())"]
    }
}

extension CaseRequest {
    /// What of this request may stand in no log and no outcome: the address, and every longer text of the content.
    func privateTexts(_ endpoint: Endpoint) -> [String] {
        var texts = [to, endpoint.address]
        if endpoint.address.hasPrefix("+") { texts.append(String(endpoint.address.dropFirst())) }
        if let json = try? content.json() { texts += json.leaves }
        return texts
    }
}

extension JSONValue {
    /// Every string in the document, at any depth.
    var leaves: [String] {
        switch self {
        case .string(let text): [text]
        case .array(let elements): elements.flatMap(\.leaves)
        case .object(let members): members.values.flatMap(\.leaves)
        default: []
        }
    }
}
