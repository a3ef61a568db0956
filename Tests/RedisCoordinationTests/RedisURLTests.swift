import Testing

@testable import RedisCoordination

@Suite struct RedisURLTests {
    @Test func readsServersAndSockets() throws {
        let plain = try RedisURL("redis://localhost")
        #expect(plain.place == .tcp(host: "localhost", port: 6379) && plain.database == 0 && plain.password == nil)
        let full = try RedisURL("redis://us%40er:p%3Aa%2Fss@redis.example:7000/3")
        #expect(full.place == .tcp(host: "redis.example", port: 7000) && full.database == 3)
        #expect(full.user == "us@er" && full.password == "p:a/ss")
        let passwordOnly = try RedisURL("redis://:secret@[::1]:6380/")
        #expect(passwordOnly.place == .tcp(host: "::1", port: 6380) && passwordOnly.user == nil && passwordOnly.password == "secret")
        #expect(try RedisURL("unix:/run/redis.sock").place == .socket(path: "/run/redis.sock"))
        let socket = try RedisURL("unix://:secret@/run/redis.sock?db=2")
        #expect(socket.place == .socket(path: "/run/redis.sock") && socket.database == 2 && socket.password == "secret")
    }

    @Test(arguments: [
        "", "redis:", "redis://", "redis://host:0", "redis://host:70000", "redis://host:x", "redis://host/x", "redis://host/-1",
        "http://host",
        "redis://user@host", "redis://user:@host", "redis://:%zz@host", "redis://a:b:c", "redis://[::1", "redis://[::1]x", "unix:relative",
        "unix:/a?x=1", "unix:/a?db=x", "redis://ho st", "127.0.0.1:6379",
    ]) func refusesWhatIsNone(text: String) {
        let fault = #expect(throws: RedisURLFault.self) { try RedisURL(text) }
        #expect(fault?.description.hasPrefix("must be redis://") == true)
    }

    @Test func saysWhatToDoInsteadOfTLS() {
        let fault = #expect(throws: RedisURLFault.self) { try RedisConfiguration(url: "rediss://:hidden@host") }
        #expect(fault?.description.contains("TLS proxy") == true && fault?.description.contains("hidden") == false)
    }
}
