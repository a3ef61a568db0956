import AdapterKit

// The rules about what an adapter says of itself.
extension AdapterContract {
    func descriptorFaults() -> [String] {
        let descriptor = type.descriptor
        var found: [String] = []
        if descriptor.channel != sample.channel { found.append("the descriptor is of another channel") }
        if descriptor.title.isEmpty { found.append("the channel has no title") }
        if descriptor.concurrency < 1 || !(1...descriptor.concurrency).contains(descriptor.perEndpoint) {
            found.append("the limits are not in order")
        }
        if descriptor.attemptTimeout <= .zero { found.append("a try has no time") }
        let keys = descriptor.settings.map(\.key)
        if Set(keys).count != keys.count { found.append("a setting stands twice") }
        for spec in descriptor.settings {
            if spec.doc.isEmpty { found.append("\(spec.key) has no doc") }
            if spec.isRequired, spec.defaultValue != nil { found.append("\(spec.key) is required and has a default") }
            if spec.isSecret, spec.defaultValue != nil { found.append("\(spec.key) is secret and has a default") }
            if spec.isSecret, spec.kind != .string { found.append("\(spec.key) is secret and no string") }
            if spec.defaultValue != nil {
                do { _ = try AdapterSettings(.object([:]), specs: [spec]) } catch { found.append("the default of \(spec.key) is refused") }
            }
        }
        do {
            _ = try AdapterSettings(.object([:]), specs: descriptor.settings)
            if descriptor.settings.contains(where: \.isRequired) { found.append("required settings may be left out") }
        } catch {
            let required = descriptor.settings.filter(\.isRequired).map(\.key).sorted()
            if error.list.map(\.path).sorted() != required { found.append("missing settings are not named") }
        }
        return found
    }

    func endpointFaults() -> [String] {
        var found: [String] = []
        if endpoint.channel != type.descriptor.channel { found.append("the endpoint is of another channel") }
        if (try? type.endpoint(from: endpoint.address)) != endpoint { found.append("a canonical address is not canonical to itself") }
        for garbage in ["", " ", "\r\n", endpoint.address + "\r\nX: y", "\u{0}", "nobody", String(repeating: "a", count: 5000)] {
            if let made = try? type.endpoint(from: garbage) {
                found.append("takes an address of \(garbage.utf8.count) bytes that is none: \(made.channel)")
            }
        }
        return found
    }
}
