import AdapterKit
import Testing

@Suite struct HTMLPlainTextTests {
    @Test(arguments: [
        ("", ""),
        ("Hallo", "Hallo"),
        ("<p>Een</p><p>Twee</p>", "Een\n\nTwee"),
        ("a<br>b<br/>c<br />\n d", "a\nb\nc\nd"),
        ("<div>een</div>\n  <div>twee   drie\n vier</div>", "een\ntwee drie vier"),
        ("<ul><li>een</li><li>twee</li></ul>", "- een\n- twee"),
        ("<table><tr><td>Totaal</td><td>&euro;&nbsp;12</td></tr><tr><td>BTW</td></tr></table>", "Totaal € 12\nBTW"),
        ("a &amp; b &lt;c&gt; &#8364; &#x20AC; &nope; &amp;lt; R&D", "a & b <c> € € &nope; &lt; R&D"),
        ("<html><head><title>weg</title><style>p{}</style></head><body><script>x<1</script>blijft</body></html>", "blijft"),
        ("<!-- weg > <b> -->blijft<!doctype html>", "blijft"),
        ("<a href=\"https://e.nl/a\">Bekijk</a> nu", "Bekijk (https://e.nl/a) nu"),
        ("<a href='https://e.nl/a'>https://e.nl/a</a>", "https://e.nl/a"),
        ("<a href=https://e.nl/a>e.nl/a</a>", "e.nl/a"),
        ("<a href=\"mailto:a@b.nl\">a@b.nl</a>", "a@b.nl"),
        ("<a href=\"javascript:x()\">klik</a> <a href=\"#top\">top</a>", "klik top"),
        ("<a href=\"https://e.nl\"><img src=x alt=\"Logo > hier\"></a>", "Logo > hier (https://e.nl)"),
        ("<a href=\"https://e.nl\"><img src=x></a>", "https://e.nl"),
        ("1 < 2 en 3 > 2", "1 < 2 en 3 > 2"),
        ("<pre>a\n  b</pre>c", "a\n b\n\nc".replacing("\n b", with: "\nb")),
        ("<p>open <b", "open <b"),
        ("<a href=\"open", "<a href=\"open"),
        ("<a href=\"https://e.nl>open</a> woord", "open woord"),
        ("Jan <jan@e.nl> of <https://e.nl/a>", "Jan <jan@e.nl> of <https://e.nl/a>"),
        ("<style>p { content: \"</p>\" }</style>blijft", "blijft"),
        ("<script>if (a<b) x=\"</script>blijft", "blijft"),
        ("<title>weg</title><?xml version=\"1.0\"?>blijft", "blijft"),
        ("een&#13;&#0;&#7;twee&shy;drie &#150; &#x80;", "eentweedrie – €"),
        ("</p></a></pre>x", "x"),
        ("<p =\"=\" = >x</p>", "x"),
    ])
    func reads(_ html: String, _ text: String) {
        #expect(HTMLPlainText.text(of: html) == text)
    }
}
