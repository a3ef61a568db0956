import AdapterKit
import Testing

@Suite struct WebURLTests {
    @Test(arguments: [
        ("https://example.com", "https://example.com/"), ("HTTPS://Example.COM/A?b=C#d", "https://example.com/A?b=C"),
        ("http://a.b:80/x", "http://a.b/x"), ("https://a.b:443", "https://a.b/"), ("https://a.b:8443?q", "https://a.b:8443/?q"),
        ("http://[::1]:81/x", "http://[::1]:81/x"), ("https://[2001:DB8::1]/", "https://[2001:db8::1]/"),
        ("https://a.b:/x", "https://a.b/x"),
        ("https://u:p@a.b/x", "https://a.b/x"), ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://a_b.c./", "https://a_b.c./"),
    ])
    func canonical(text: String, expected: String) { #expect(WebURL(text)?.text == expected) }

    @Test(arguments: [
        "", "example.com", "//example.com", "ftp://a.b/", "file:///etc/passwd", "https://", "https:///x", "https://:443/", "https://a.b:0/",
        "https://a.b:65536/",
        "https://a.b:x/", "https://a.b:+80/", "https://a.b:-1/", "https://a b/", "https://a.b/\n", "https://a.b/é",
        "https://bücher.example/", "https://a.b\\@c.d/",
        "https://[::1", "https://[::1]x/", "https://[x]/", "https://[::1%25eth0]/", "https://a]b/", "https://a[b/", "https://a.b:80:90/",
        "javascript:alert(1)",
        " https://a.b/", "https://a.b/<x>", "https://a.b/\"", "https://%31%32%37.0.0.1/", "https://a{b}/", "https://u:p@/", "https://a,b/",
    ])
    func refused(text: String) { #expect(WebURL(text) == nil) }

    @Test func parts() throws {
        let url = try #require(WebURL("https://u@Host.example:8443/a/b?c=d&e#f"))
        #expect(url.scheme == "https" && url.host == "host.example" && url.port == 8443 && url.target == "/a/b?c=d&e" && url.hasCredentials)
        // The last @ ends the user information, as curl reads it; the host is what stands behind it.
        #expect(WebURL("https://a@b@c.d/")?.host == "c.d")
        #expect(WebURL("https://a.b/@c")?.hasCredentials == false)
        #expect(WebURL("https://a.b/" + String(repeating: "x", count: 2036)) != nil)
        #expect(WebURL("https://a.b/" + String(repeating: "x", count: 2037)) == nil)
    }
}
