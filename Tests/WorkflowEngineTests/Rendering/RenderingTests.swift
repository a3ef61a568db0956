import AdapterKit
import Testing
import WorkflowEngine

/// The numbered cases of rendering, 40 to 51.
@Suite struct RenderingTests {
    static let full = VariableInput(
        lead: .init(id: "l1", name: "Jan de Vries", email: "jan@x.nl", phone: "+31612345678", city: "Utrecht", serviceType: "dak"),
        agent: .init(name: "Anna", email: "anna@x.nl"), organization: .init(name: "Dak & Co", reviewURL: "https://r.example/x"),
        quote: .init(
            id: "q1", number: "2026-7", totalCents: 125_000, publicToken: "tok", leadToken: "ltok", reason: "te duur",
            validUntil: Timestamp(year: 2026, month: 2, day: 28, hour: 23, minute: 30)),
        publicBaseURL: "https://q.example", apiBaseURL: "https://api.example")

    private func text(_ source: String, _ input: VariableInput = full) throws -> String {
        try Template(source).render(TemplateVariables(input))
    }

    private func mail(_ subject: String, _ body: String, _ input: VariableInput = full) throws -> JSONValue {
        let result = ContentRenderer.render(ContentTemplates(form: .mail, subject: subject, body: body), with: TemplateVariables(input))
        guard case .content(let content) = result else { throw Unexpected(result: result) }
        return try content.json()
    }

    private func chat(_ body: String, _ input: VariableInput = full) -> RenderResult {
        ContentRenderer.render(ContentTemplates(form: .chat, body: body), with: TemplateVariables(input))
    }

    @Test("case 40: spellings of one name are equal") func case40() throws {
        for source in ["{{lead.name}}", "{{ LEAD.Name }}", "{{.lead.name}}"] { #expect(try text(source) == "Jan de Vries") }
        #expect(try text("{{lead.firstName}}|{{lead.lastname}}") == "Jan|de Vries")
    }

    @Test("case 41: links are found ignoring case") func case41() throws {
        #expect(try text("{{quote.previewurl}}") == "https://q.example/quote/tok")
        #expect(try text("{{links.download}}") == "https://api.example/api/v1/public/quotes/tok/pdf")
        #expect(try text("{{links.track}} {{links.scheduling}}") == "https://q.example/track/ltok https://q.example/track/ltok")
    }

    @Test("case 42: two characters are a line break") func case42() throws {
        #expect(try text(#"a\nb"#) == "a\nb")
        #expect(chat(#"a\nb"#) == .content(RenderedContent(ChatContent.text("a\nb"))))
    }

    @Test("case 43: an unknown leaf is empty, an unknown root an error") func case43() throws {
        #expect(try text("[{{lead.shoeSize}}{{offer.price}}]") == "[]")
        #expect(throws: RenderError.unknownRoot(name: "foo.bar", root: "foo")) { try text("{{foo.bar}}") }
        #expect(throws: RenderError.notOneValue(name: "lead")) { try text("{{lead}}") }
    }

    @Test("case 44: a missing name leaves no blank behind") func case44() throws {
        var input = Self.full
        input.organization.name = nil
        let json = try mail("Offerte van {{org.name}}", "Groet {{org.name}}\nx", input)
        #expect(json["subject"] == "Offerte van")
        #expect(json["text"] == "Groet\nx")
    }

    @Test("case 45: subjects are raw, HTML bodies escaped") func case45() throws {
        var input = Self.full
        input.lead.name = "O'Brien & Co"
        let json = try mail("Voor {{lead.name}}", "<p>{{lead.name}}</p>", input)
        #expect(json["subject"] == "Voor O'Brien & Co")
        #expect(json["html"] == "<p>O&#39;Brien &amp; Co</p>")
        #expect(json["text"] == "O'Brien & Co")
    }

    @Test("case 46: values are never templates or tags", arguments: ["{{lead.email}}", "{{", "<script>alert(1)</script>"])
    func case46(reason: String) throws {
        var input = Self.full
        input.quote.reason = reason
        #expect(try text("r: {{quote.reason}}", input) == "r: \(reason)")
        let json = try mail("x", "<p>{{quote.reason}}</p>", input)
        #expect(json["html"]?.stringValue?.contains("<script>") == false)
        #expect(json["text"]?.stringValue == reason)
        #expect(chat("<b>r</b> {{quote.reason}}", input) == .content(RenderedContent(ChatContent.text("*r* \(reason)"))))
    }

    @Test("case 47: money") func case47() throws {
        #expect(try text("{{quote.totalFormatted}}|{{quote.total}}|{{quote.totalCents}}") == "€ 1.250,00|€1250,00|125000")
        let expected: [(Int64, Language, String)] = [
            (5, .dutch, "€ 0,05"), (-123, .dutch, "€ -1,23"), (125_000, .english, "€1,250.00"), (125_000, .german, "1.250,00 €"),
            (125_000, .french, "1 250,00 €"), (123_456_789, .dutch, "€ 1.234.567,89"), (-123, .english, "-€1.23"),
        ]
        for (cents, language, text) in expected { #expect(MoneyFormat.text(cents: cents, language: language) == text) }
        #expect(MoneyFormat.text(cents: .min, language: .dutch).hasPrefix("€ -92.233"))
        #expect(MoneyFormat.text(cents: 100, currency: "chf", language: .english) == "CHF 1.00")
        #expect(MoneyFormat.plain(cents: 5, currency: "GBP", language: .dutch) == "£0,05")
    }

    @Test("case 48: HTML as WhatsApp writes it") func case48() {
        #expect(HTMLText.whatsapp("<p>Hoi <strong>A</strong></p><p></p><p>u</p>") == "Hoi *A*\n\nu")
        #expect(HTMLText.whatsapp("<b> a </b>b <i>c</i> <del>d</del>") == "*a* b _c_ ~d~")
        #expect(HTMLText.whatsapp("<b><strong>x</strong></b><b></b>") == "*x*")
        #expect(HTMLText.whatsapp("<div>a<br>b</div><ul><li>c</li><li>d</li></ul>") == "a\nb\nc\nd")
        #expect(HTMLText.whatsapp("<a href=\"https://x.nl/?a=1&amp;b=2\">Bekijk</a>") == "Bekijk (https://x.nl/?a=1&b=2)")
        #expect(HTMLText.whatsapp("<a href='https://x.nl'>https://x.nl</a>") == "https://x.nl")
        #expect(HTMLText.whatsapp("<a href='javascript:x'>k</a> &euro;&nbsp;5 &lt;3 &#8364; & co") == "k € 5 <3 € & co")
        #expect(HTMLText.whatsapp("<b>a</b>\r\nb\nc") == "*a*\nb\nc")
        #expect(HTMLText.whatsapp("<b>mail</b> <info@x.nl>, 3 < 4") == "*mail* <info@x.nl>, 3 < 4")
        #expect(chat("<p> </p><br>") == .empty)
    }

    @Test("case 49: recipients are trimmed and each once") func case49() {
        #expect(Recipients.normalize([" A@x.nl", "a@x.nl", ""]) == ["A@x.nl"])
    }

    @Test("case 50: bases with slashes", arguments: ["https://q.example", "https://q.example/", "https://q.example//"])
    func case50(base: String) throws {
        var input = Self.full
        input.publicBaseURL = base
        #expect(try text("{{links.view}}", input) == "https://q.example/quote/tok")
    }

    @Test("case 51: a rejection knows its number") func case51() throws {
        let step = try #require(DefaultWorkflow.steps().first { $0.trigger == "quote_rejected" && $0.channel == .email })
        #expect(try mail(try #require(step.subject), step.body)["subject"] == "Je hebt offerte 2026-7 afgewezen")
    }

    @Test func ownVariablesLieUnderTheKnownFields() throws {
        var input = Self.full
        input.lead.phone = nil
        input.variables = ["Lead": ["NAME": "X", "phone": "06", "pet": "Tobi"], "coupon": ["code": "C1"]]
        #expect(try text("{{lead.name}} {{lead.phone}} {{lead.pet}} {{coupon.Code}}", input) == "Jan de Vries 06 Tobi C1")
    }

    @Test func namesFallBackAndDatesFollowTheZone() throws {
        #expect(
            try text("{{lead.name}} {{agent.name}} {{partner.name}} {{lead.firstName}}", VariableInput()) == "klant adviseur adviseur klant"
        )
        #expect(try text("{{quote.validUntil}}") == "1 maart 2026")
        let time = Timestamp(year: 2026, month: 3, day: 1)
        #expect(DateFormat.day(time, language: .english, zone: "UTC") == "1 March 2026")
        #expect(DateFormat.day(time, language: .german, zone: "UTC") == "1. März 2026")
        #expect(DateFormat.day(time, language: .french, zone: "UTC") == "1er mars 2026")
    }

    @Test func everyFaultOfATemplateIsFound() throws {
        let faults = #expect(throws: Faults.self) {
            try ContentRenderer(
                ContentTemplates(
                    form: .mail, subject: #"a\nb {{}}"#, body: "{{lead.}}\n{{#each}} {{lead.name {{x}}\n<a href={{org.name}}>{{"))
        }
        #expect(faults?.list.map(\.path) == ["templateSubject"] + Array(repeating: "templateBody", count: 5))
        #expect(faults?.list.last?.message.hasPrefix("line 3") == true)
        let lines = #expect(throws: Faults.self) { try ContentRenderer(ContentTemplates(form: .mail, subject: "a\nb", body: "x")) }
        #expect(lines?.list == [Fault("templateSubject", "a subject is one line")])
    }

    @Test func aSubjectStaysOneLine() throws {
        var input = Self.full
        input.lead.name = "a\r\nBcc: x@y.nl\u{0}"
        #expect(try mail("{{lead.name}}", "x", input)["subject"] == "a Bcc: x@y.nl")
    }

    @Test func textBecomesSimpleHTMLWithLinks() throws {
        let json = try mail("x", "Hoi <jan@x.nl>\nzie {{links.view}}.\n\nGroet")
        let link = "<a href=\"https://q.example/quote/tok\">https://q.example/quote/tok</a>"
        #expect(json["html"]?.stringValue == "<p>Hoi &lt;jan@x.nl&gt;<br>\nzie \(link).</p>\n<p>Groet</p>")
    }

    @Test func chatTemplatesAreFilledIn() throws {
        var input = Self.full
        input.lead.name = "a\n\tb     c"
        let stored: JSONValue = [
            "name": "hello", "language": "nl",
            "components": [["type": "body", "parameters": [["type": "text", "text": "{{lead.name}}"]]]],
        ]
        let result = ContentRenderer.render(ContentTemplates(form: .chat, chatTemplate: stored), with: TemplateVariables(input))
        guard case .content(let content) = result else { throw Unexpected(result: result) }
        #expect(try content.json()["template"]?["components"]?[0]?["parameters"]?[0]?["text"] == "a b c")
    }

    @Test func dataKeepsItsStructure() throws {
        var input = Self.full
        input.lead.name = #"x","y":{"z": 1}"#
        let body = #"{"n": {{lead.name}}, "t": "Hoi {{lead.name}}", "c": {{quote.totalCents}}, "m": {{lead.zip}}}"#
        let result = ContentRenderer.render(
            ContentTemplates(form: .data, body: body, dataType: "quote_sent"), with: TemplateVariables(input))
        guard case .content(let content) = result else { throw Unexpected(result: result) }
        let name = JSONValue(input.lead.name)
        #expect(
            try content.json()
                == ["type": "quote_sent", "data": ["n": name, "t": .string("Hoi " + (input.lead.name ?? "")), "c": 125_000, "m": nil]])
        let broken = ContentRenderer.render(ContentTemplates(form: .data, body: "{"), with: TemplateVariables(input))
        #expect(broken == .failed("the rendered body is not JSON"))
    }

    @Test func blankContentIsEmptyAndLongContentFails() throws {
        let variables = TemplateVariables(Self.full)
        #expect(ContentRenderer.render(ContentTemplates(form: .mail, subject: " ", body: "x"), with: variables) == .empty)
        #expect(ContentRenderer.render(ContentTemplates(form: .mail, subject: "x", body: "{{lead.street}}"), with: variables) == .empty)
        let long = String(repeating: "x", count: Template.maximumBytes + 1)
        #expect(chat(long) == .failed("the rendered text is longer than 262144 bytes"))
    }

    @Test func addressesInAttributesAreHarmless() throws {
        var input = Self.full
        input.organization.reviewURL = "java\u{9}script:alert(1)"
        input.lead.name = "a&b c\""
        let template = try Template(
            #"<a href="{{org.reviewUrl}}" title="{{lead.name}}">x</a><a href="https://x.nl/?q={{lead.name}}">"#, as: .html)
        #expect(
            try template.render(TemplateVariables(input))
                == ##"<a href="#" title="a&amp;b c&quot;">x</a><a href="https://x.nl/?q=a%26b%20c%22">"##)
        for source in ["<script>{{lead.name}}</script>", "<p onclick=\"{{lead.name}}\">", "<{{lead.name}}>", "<p {{lead.name}}>"] {
            #expect(throws: Faults.self) { try Template(source, as: .html) }
        }
    }

    @Test func randomValuesNeverChangeTheStructure() throws {
        var generator = SeededGenerator(state: 7)
        let alphabet = Array("<>{}\"'&\\/=: \n\t#*_~abcé;-!")
        for _ in 0..<300 {
            let value = String(
                (0..<Int.random(in: 0...24, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? "x" })
            var input = Self.full
            input.quote.reason = value
            let html = try Template(#"<p title="{{quote.reason}}">{{quote.reason}}</p>"#, as: .html).render(TemplateVariables(input))
            #expect(html.count { $0 == "<" } == 2 && html.count { $0 == "\"" } == 2)
            let json = try JSONValue(
                parsing: try Template(#"{"a": {{quote.reason}}, "b": "{{quote.reason}}"}"#, as: .json).render(TemplateVariables(input)))
            #expect(json.objectValue?.count == 2)
            #expect(try text("[{{quote.reason}}]", input) == (value.allSatisfy(\.isWhitespace) ? "[]" : "[\(value.trimmingBlanks)]"))
        }
    }

    @Test("every default text compiles and renders", arguments: Language.allCases)
    func defaultsRender(language: Language) throws {
        let steps = DefaultWorkflow.steps(in: language)
        #expect(steps.count == 21)
        for step in steps {
            let templates = ContentTemplates(form: step.channel == .email ? .mail : .chat, subject: step.subject, body: step.body)
            for input in [Self.full, VariableInput()] {
                guard case .content(let content) = ContentRenderer.render(templates, with: TemplateVariables(input)) else {
                    Issue.record("\(step.trigger) does not render")
                    continue
                }
                #expect(!(try content.json().text.contains("{{")))
            }
        }
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        var rest = drop(while: \.isWhitespace)
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }
}

private struct Unexpected: Error { var result: RenderResult }

private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
}
