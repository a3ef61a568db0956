import AdapterKit
import Testing

/// What a tenant's target may reach.
@Suite struct NetworkGuardTests {
    private static let blocks = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ]

    @Test(arguments: blocks) func edgesOfForbiddenIPv4(text: String) throws {
        let block = try #require(AddressBlock(text))
        let first = block.base.bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let last = first + (1 << (32 - UInt64(block.prefix))) - 1
        for value in [first, first + 1, (first + last) / 2, last] {
            #expect(!NetworkGuard.isPublic(address(value)), "\(address(value))")
        }
        for value in [first &- 1, last + 1] where value < 1 << 32 {
            let isInAnother = Self.blocks.contains { AddressBlock($0)?.contains(address(value)) == true }
            #expect(NetworkGuard.isPublic(address(value)) == !isInAnother, "\(address(value))")
        }
    }

    private func address(_ value: UInt64) -> IPAddress {
        IPAddress((0..<4).map { String(value >> (24 - 8 * UInt64($0)) & 255) }.joined(separator: ".")) ?? IPAddress("0.0.0.0")!
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "223.255.255.255",
    ])
    func publicIPv4(text: String) throws { #expect(NetworkGuard.isPublic(try #require(IPAddress(text)))) }

    @Test(arguments: [
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "1fff:ffff::1",
        "2001::1",
        "2001:1ff:ffff::1", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2002::1", "2002:ffff::", "3fff::1", "3fff:fff:ffff::",
        "4000::", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "ff00::1", "ff02::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ])
    func forbiddenIPv6(text: String) throws { #expect(!NetworkGuard.isPublic(try #require(IPAddress(text)))) }

    @Test(arguments: [
        "2000::", "2001:200::1", "2001:db7:ffff::1", "2001:db9::", "2003::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1", "3fff:1000::",
    ])
    func publicIPv6(text: String) throws { #expect(NetworkGuard.isPublic(try #require(IPAddress(text)))) }

    @Test(arguments: [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "localhost", "LOCALHOST.", "a.localhost", "0", "0x0", "10.1", "0xa9fea9fe", "169.254.43518",
    ])
    func spellingsOfTheInside(host: String) throws {
        let address = try #require(NetworkGuard.looseAddress(host))
        #expect(!NetworkGuard.isPublic(address))
        let url = try #require(WebURL("https://\(host)/"))
        #expect(NetworkGuard.fault(of: url, policy: .guarded(allow: [])) != nil)
        #expect(NetworkGuard.fault(of: url, policy: .trusted) == nil)
    }

    @Test func whatIsInTheClearOrOnAnotherPortIsForTheAllowedBlocksAlone() throws {
        let inside = try #require(AddressBlock("127.0.0.0/8"))
        let (outside, loopback) = (try #require(IPAddress("8.8.8.8")), try #require(IPAddress("127.0.0.1")))
        for (text, reaches) in [
            ("https://example.com/", true), ("https://example.com:8443/", true), ("http://example.com/", false),
            ("http://example.com:25/", false), ("https://example.com:25/", false),
        ] {
            let policy = NetworkGuard.policy(for: try #require(WebURL(text)), under: .guarded(allow: [inside]))
            #expect(policy.isGuarded && policy.permits(outside) == reaches && policy.permits(loopback), "\(text)")
        }
        let url = try #require(WebURL("http://example.com:25/"))
        #expect(NetworkGuard.policy(for: url, under: .trusted) == .trusted)
        #expect(!NetworkGuard.policy(for: url, under: .guarded(allow: [])).permits(loopback))
    }

    @Test func looseSpellingsAreReadAsResolversDo() {
        #expect(NetworkGuard.looseAddress("1.2.3.4")?.description == "1.2.3.4")
        #expect(NetworkGuard.looseAddress("1.2.772")?.description == "1.2.3.4")
        #expect(NetworkGuard.looseAddress("1.131844")?.description == "1.2.3.4")
        #expect(NetworkGuard.looseAddress("16909060")?.description == "1.2.3.4")
        #expect(NetworkGuard.looseAddress("01.02.03.04")?.description == "1.2.3.4")
        #expect(NetworkGuard.looseAddress("4294967295")?.description == "255.255.255.255")
        for name in [
            "example.com", "4294967296", "1.2.3.256", "256.1.1.1", "1.2.3.4.5", "08.1", "1..2", "", "a.1", "1.2.3.4x", "localhost.com",
        ] {
            #expect(NetworkGuard.looseAddress(name) == nil, "\(name)")
        }
    }

    @Test func whatAURLAloneTells() throws {
        func fault(_ text: String, allow: [String] = []) throws -> String? {
            NetworkGuard.fault(of: try #require(WebURL(text)), policy: .guarded(allow: try allow.map { try #require(AddressBlock($0)) }))
        }
        #expect(try fault("https://example.com/hook") == nil)
        #expect(try fault("https://example.com:8443/hook") == nil)
        #expect(try fault("https://8.8.8.8/") == nil)
        #expect(try fault("http://example.com/") == "the scheme must be https")
        #expect(try fault("https://u:p@example.com/") == "a URL may not carry a user name or password")
        #expect(try fault("https://example.com:22/") == "the port must be 443, 8443, 80 or 8080")
        #expect(try fault("https://10.0.0.1/") == "the address is not one that may be called")
        #expect(try fault("http://10.0.0.1:9000/", allow: ["10.0.0.0/24"]) == nil)
        #expect(try fault("http://[::ffff:10.0.0.1]/", allow: ["10.0.0.0/24"]) == nil)
        #expect(try fault("http://10.0.1.1/", allow: ["10.0.0.0/24"]) != nil)
        #expect(try fault("http://hook.internal:9000/", allow: ["10.0.0.0/24"]) == nil)
    }

    @Test func policies() throws {
        let inside = try #require(IPAddress("10.0.0.1"))
        let mapped = try #require(IPAddress("::ffff:10.0.0.1"))
        let block = try #require(AddressBlock("10.0.0.0/24"))
        #expect(NetworkPolicy.trusted.permits(inside) && !NetworkPolicy.trusted.isGuarded)
        #expect(!NetworkPolicy.guarded(allow: []).permits(inside) && NetworkPolicy.guarded(allow: []).isGuarded)
        #expect(NetworkPolicy.guarded(allow: [block]).permits(inside))
        #expect(NetworkPolicy.guarded(allow: [block]).permits(mapped))
        #expect(!NetworkPolicy.guarded(allow: [block]).permits(try #require(IPAddress("10.0.1.0"))))
    }
}

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("1.2.3.4", "1.2.3.4"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "0:0:0:0:0:0:0:0"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("1::", "1:0:0:0:0:0:0:0"), ("2001:DB8::8:800:200C:417A", "2001:db8:0:0:8:800:200c:417a"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::ffff:1.2.3.4", "0:0:0:0:0:ffff:102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ])
    func read(text: String, expected: String) { #expect(IPAddress(text)?.description == expected) }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", ".1.2.3", "1..2.3", "+1.2.3.4", "1.2.3.-4", " 1.2.3.4", "a.b.c.d",
        "::1%eth0",
        ":", ":::", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
        "1.2.3.4::",
        "::1.2.3", "::1.2.3.4:5", "1:", ":1", "[::1]", "::+1", "１.2.3.4",
    ])
    func refused(text: String) { #expect(IPAddress(text) == nil) }

    @Test func blocks() throws {
        let block = try #require(AddressBlock("10.20.0.0/14"))
        #expect(block.contains(try #require(IPAddress("10.20.0.0"))))
        #expect(block.contains(try #require(IPAddress("10.23.255.255"))))
        #expect(!block.contains(try #require(IPAddress("10.24.0.0"))))
        #expect(!block.contains(try #require(IPAddress("10.19.255.255"))))
        #expect(!block.contains(try #require(IPAddress("::1"))))
        #expect(AddressBlock("0.0.0.0/0")?.contains(try #require(IPAddress("255.1.2.3"))) == true)
        #expect(AddressBlock("1.2.3.4")?.prefix == 32)
        #expect(AddressBlock("::1")?.prefix == 128)
        for text in ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "x/8", "10.0.0.0/+8"] {
            #expect(AddressBlock(text) == nil, "\(text)")
        }
    }
}
