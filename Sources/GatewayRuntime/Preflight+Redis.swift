import RedisCoordination

extension Preflight {
    /// Whether Redis does what nodes need of it; nothing where none is configured.
    static func checkRedis(_ configuration: GatewayConfiguration) async -> [Line] {
        guard let redis = configuration.redis else { return [] }
        if let fault = await RedisCoordination.fault(reaching: redis) { return [Line(verdict: .fail, name: "redis", detail: fault)] }
        return [Line(verdict: .ok, name: "redis", detail: "it is there, lets us in and does what nodes need")]
    }
}
