import AdapterKit
import Testing

@Suite struct HTMLTokensTests {
    /// The tokens in short: texts as they are, `<name a=1>`, `</name>`, `<!>`.
    private func tokens(_ html: String) -> [String] {
        HTMLTokens(html).map { token in
            switch token {
            case .text(let text): text
            case .open(let tag):
                "<" + ([tag.name] + tag.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }).joined(separator: " ") + ">"
            case .close(let name): "</\(name)>"
            case .comment: "<!>"
            }
        }
    }

    @Test(
        arguments: [
            ("", []),
            ("tekst", ["tekst"]),
            ("<P Class=X>a</P >", ["<p class=X>", "a", "</p>"]),
            ("<br/><br /><hr>", ["<br>", "<br>", "<hr>"]),
            ("<a href = 'x>y' HREF=z title=\"a&amp;b\" x>", ["<a href=x>y title=a&b x=>"]),
            ("<a href=\"x y>z</a>", ["<a href=\"x y=>", "z", "</a>"]),
            ("<p =\"=\" = >x", ["<p == =\"=\">", "x"]),
            ("<!-- <b> -->a<!-- open", ["<!>", "a", "<!>"]),
            ("<!DOCTYPE html><?xml?>", ["<!>", "<!>"]),
            ("a < b", ["a ", "< b"]),
            ("a<", ["a", "<"]),
            ("</ x> <3 <é>", ["</ x> ", "<3 ", "<é>"]),
            ("<jan@x.nl><https://x.nl><b", ["<jan@x.nl>", "<https://x.nl>", "<b"]),
            ("<o:p></o:p><my-tag_1.x>", ["<o:p>", "</o:p>", "<my-tag_1.x>"]),
            ("<script>a</b>'</SCRIPT >b", ["<script>", "</script>", "b"]),
            ("<style>a</styles></style>b", ["<style>", "</style>", "b"]),
            ("<script>open", ["<script>"]),
            ("&lt;b&gt;", ["<b>"]),
        ] as [(String, [String])])
    func reads(_ html: String, _ expected: [String]) {
        #expect(tokens(html) == expected)
    }

    @Test(arguments: [
        ("&amp;amp;", "&amp;"), ("&euro;&nbsp;5", "€\u{A0}5"), ("&#8364;&#x20ac;&#X20AC;", "€€€"),
        ("&nope; & &; &#; &#x; &#99999999;", "&nope; & &; &#; &#x; &#99999999;"),
        ("a&b", "a&b"), ("&Euml;&euml;", "Ëë"), ("x&#0;y&#31;z&#127;", "xyz"), ("&#10;&#9;", "\n\t"), ("&#145;&#146;", "‘’"),
        ("&amp", "&amp"),
        ("co&shy;de", "code"),
    ])
    func resolvesReferences(_ html: String, _ text: String) {
        #expect(tokens(html).joined() == text)
    }

    /// Whatever it is given, it comes to an end and leaves no word out that is not in a tag, a comment or a script.
    @Test func endsOnAnything() {
        let pieces = [
            "<", ">", "&", ";", "\"", "'", "=", "/", "!", "-", "--", "a", "b ", "script", "<script>", "</script>", "<!--", "-->", "é", "\n",
            "#", "x1",
        ]
        var state: UInt64 = 42
        for _ in 0..<2000 {
            var html = ""
            for _ in 0..<20 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                html += pieces[Int(state >> 33) % pieces.count]
            }
            var count = 0
            for _ in HTMLTokens(html) { count += 1 }
            #expect(count <= html.count)
        }
    }
}
