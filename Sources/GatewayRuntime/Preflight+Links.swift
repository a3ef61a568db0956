import QuoteBridge

extension Preflight {
    /// Whether the links in messages lead to a place that customers can reach.
    static func checkLinks(_ configuration: GatewayConfiguration) -> Line {
        guard let fault = configuration.linkFault else {
            return Line(verdict: .ok, name: "links", detail: "customers see their quotes at \(configuration.quotes.publicBaseURL)")
        }
        return Line(verdict: .fail, name: "links", detail: fault)
    }
}

extension GatewayConfiguration {
    /// Why customers could not follow the links that they are sent; nil when nothing is known against it.
    public var linkFault: String? {
        guard quotes.publicBaseURL == BridgeConfiguration().publicBaseURL else { return nil }
        return "neither quotes.publicBaseURL nor http.publicBaseURL is set: customers' links lead to \(quotes.publicBaseURL)"
    }
}
