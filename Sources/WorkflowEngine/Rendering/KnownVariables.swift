import AdapterKit

/// The built-in variables, made from an event's fields; what is not known has no key.
struct KnownVariables {
    private var roots: [String: [String: JSONValue]] = [:]

    init(_ input: VariableInput) {
        let language = Language(locale: input.locale)
        put(
            "lead",
            [
                "id": input.lead.id, "name": input.lead.name, "email": input.lead.email, "phone": input.lead.phone,
                "address": input.lead.address,
                "street": input.lead.street, "houseNumber": input.lead.houseNumber, "zipCode": input.lead.zipCode, "city": input.lead.city,
                "serviceType": input.lead.serviceType, "source": input.lead.source,
            ])
        for (root, person) in [("agent", input.agent), ("partner", input.partner ?? input.agent)] {
            put(root, ["name": person.name, "email": person.email, "phone": person.phone])
        }
        put("org", ["name": input.organization.name, "reviewUrl": input.organization.reviewURL])
        let links = Links(input)
        put(
            "links",
            ["view": links.view, "accept": links.view, "download": links.download, "scheduling": links.track, "track": links.track])
        let zone = input.timeZone?.unlessBlank ?? DateFormat.defaultZone
        put(
            "quote",
            [
                "id": input.quote.id, "number": input.quote.number, "reason": input.quote.reason, "previewUrl": links.view,
                "downloadUrl": links.download,
                "validUntil": input.quote.validUntil.map { DateFormat.day($0, language: language, zone: zone) },
            ])
        put("appointment", [:])
        put("offer", [:])
        if let cents = input.quote.totalCents {
            let currency = input.quote.currency?.unlessBlank ?? MoneyFormat.defaultCurrency
            roots["quote", default: [:]]["totalCents"] = .int(cents)
            roots["quote", default: [:]]["total"] = .string(MoneyFormat.plain(cents: cents, currency: currency, language: language))
            roots["quote", default: [:]]["totalFormatted"] = .string(MoneyFormat.text(cents: cents, currency: currency, language: language))
        }
    }

    /// Gives everyone a name: the event's own variable, else a word that fits a salutation; and splits the customer's.
    mutating func fillNames(from own: JSONValue) {
        for (root, word) in [("lead", "klant"), ("agent", "adviseur"), ("partner", "adviseur")] where roots[root]?["name"] == nil {
            if let name = own.member(root)?.member("name")?.stringValue?.unlessBlank {
                roots[root, default: [:]]["name"] = .string(name)
            } else {
                roots[root, default: [:]]["name"] = .string(word)
            }
        }
        let words = (roots["lead"]?["name"]?.stringValue ?? "").split(whereSeparator: \.isWhitespace)
        put("lead", ["firstName": words.first.map(String.init), "lastName": words.dropFirst().joined(separator: " ")])
    }

    var json: JSONValue { .object(roots.mapValues { .object($0) }) }

    private mutating func put(_ root: String, _ values: [String: String?]) {
        for (key, value) in values {
            roots[root, default: [:]][key] = value?.unlessBlank.map(JSONValue.string)
        }
        if roots[root] == nil { roots[root] = [:] }
    }
}

/// The addresses that a customer can follow.
private struct Links {
    var view: String?
    var download: String?
    var track: String?

    init(_ input: VariableInput) {
        view = Links.join(input.publicBaseURL, "/quote/", input.quote.publicToken)
        download = Links.join(input.apiBaseURL, "/api/v1/public/quotes/", input.quote.publicToken, "/pdf")
        track = Links.join(input.publicBaseURL, "/track/", input.quote.leadToken)
    }

    private static func join(_ base: String?, _ path: String, _ token: String?, _ rest: String = "") -> String? {
        guard var base = base?.unlessBlank, let token = token?.unlessBlank else { return nil }
        while base.hasSuffix("/") { base.removeLast() }
        return base + path + token.percentEncoded + rest
    }
}

extension JSONValue {
    /// The member of that name, ignoring case.
    fileprivate func member(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name] ?? members.sorted { $0.key < $1.key }.first { $0.key.lowercased() == name.lowercased() }?.value
    }
}
