import AdapterKit

/// One adapter on scripted transports, with all it says and sends in reach.
struct AdapterBench {
    let adapter: any ChannelAdapter
    let http: ScriptedHTTPTransport
    let mail: ScriptedMailTransport
    let log = CapturedLog()
    /// The values of all secret settings.
    let secrets: [String]
    /// What a careless line would print of the adapter.
    let shown: String

    init(
        _ type: any ChannelAdapter.Type, settings json: JSONValue, network: NetworkPolicy, now: Timestamp, http: [HTTPResult] = [],
        mail: [MailResult] = []
    ) throws(Faults) {
        let specs = type.descriptor.settings
        let settings = try AdapterSettings(json, specs: specs, network: network)
        self.http = ScriptedHTTPTransport(http)
        self.mail = ScriptedMailTransport(mail)
        adapter = try type.init(
            settings: settings,
            environment: AdapterEnvironment(http: self.http, mail: self.mail, clock: FixedClock(now), logger: log.logger()))
        secrets = settings.secrets(specs)
        var shown = String(describing: adapter) + String(reflecting: adapter)
        dump(adapter, to: &shown)
        self.shown = shown
    }

    /// Tells, without repeating it, when one of `texts` stands in `text`. Texts under five bytes are too common to tell.
    func leaks(of texts: [String], in text: String, _ place: String) -> [String] {
        texts.contains { $0.utf8.count > 4 && text.contains($0) } ? ["a secret, an address or content stands in \(place)"] : []
    }
}

extension AdapterSettings {
    func secrets(_ specs: [FieldSpec]) -> [String] {
        specs.flatMap { spec -> [String] in
            if case .objects(let fields) = spec.kind { return objects(spec.key).flatMap { $0.secrets(fields) } }
            return secret(spec.key).map { [$0.reveal()] } ?? []
        }
    }
}
