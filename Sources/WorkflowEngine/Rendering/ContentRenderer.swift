public import AdapterKit

/// What a step wants said, as it is stored.
public struct ContentTemplates: Hashable, Sendable {
    /// The form that the step's channel sends.
    public var form: ContentForm
    public var subject: String?
    public var body: String?
    /// `{name, language, components}` of a template that the chat provider knows.
    public var chatTemplate: JSONValue?
    /// The type of data that is sent when the body names none: the trigger.
    public var dataType: String

    public init(form: ContentForm, subject: String? = nil, body: String? = nil, chatTemplate: JSONValue? = nil, dataType: String = "") {
        self.form = form
        self.subject = subject
        self.body = body
        self.chatTemplate = chatTemplate
        self.dataType = dataType
    }
}

/// What came of rendering a step's content.
public enum RenderResult: Hashable, Sendable {
    case content(RenderedContent)
    /// There is nothing to say.
    case empty
    /// The templates cannot be filled in; a sentence without any variable's value.
    case failed(String)
}

/// A step's templates, compiled; renders any number of contents.
public struct ContentRenderer: Hashable, Sendable {
    enum Form: Hashable, Sendable {
        case nothing
        case mail(subject: Template, body: Template)
        case chat(Template)
        case chatTemplate(ChatTemplateRenderer)
        case data(Template?, type: String)
    }

    let form: Form

    /// Compiles a step's templates.
    ///
    /// - Throws: every fault in them, under `templateSubject`, `templateBody` and `whatsappTemplate`.
    public init(_ templates: ContentTemplates) throws(Faults) {
        let subject = templates.subject?.unlessBlank
        let body = templates.body.flatMap { $0.unlessBlank == nil ? nil : $0 }
        switch templates.form {
        case .mail: form = try Self.mail(subject: subject, body: body)
        case .chat:
            if let stored = templates.chatTemplate, !stored.isNull {
                form = .chatTemplate(try ChatTemplateRenderer(stored, path: "whatsappTemplate"))
            } else if let body {
                form = .chat(try Template(body, as: HTMLText.looksLikeHTML(body) ? .html : .text, path: "templateBody"))
            } else {
                form = .nothing
            }
        case .data: form = .data(try Self.data(body), type: templates.dataType)
        }
    }

    /// Compiles and renders at once; faults come back as a failure.
    public static func render(
        _ templates: ContentTemplates, with variables: TemplateVariables, attachments: [Attachment] = []
    ) -> RenderResult {
        do {
            return try ContentRenderer(templates).render(variables, attachments: attachments)
        } catch {
            return .failed(error.list.map { "\($0.path) \($0.message)" }.joined(separator: "; "))
        }
    }

    /// The variables that the templates ask for.
    public var references: [Template.Reference] {
        switch form {
        case .nothing: []
        case .mail(let subject, let body): subject.references + body.references
        case .chat(let body): body.references
        case .chatTemplate(let template): template.references
        case .data(let body, _): body?.references ?? []
        }
    }

    /// Fills the templates in.
    ///
    /// - Parameter attachments: files that go along with a mail.
    public func render(_ variables: TemplateVariables, attachments: [Attachment] = []) -> RenderResult {
        do {
            switch form {
            case .nothing: return .empty
            case .mail(let subject, let body):
                guard let mail = try Self.render(subject, body, variables, attachments) else { return .empty }
                return .content(RenderedContent(mail))
            case .chat(let body):
                let rendered = try body.render(variables)
                let text = body.dialect == .html ? HTMLText.whatsapp(rendered) : rendered.trimmingLineEnds
                return text.unlessBlank == nil ? .empty : .content(RenderedContent(ChatContent.text(text)))
            case .chatTemplate(let template):
                guard let filled = try template.render(variables) else { return .empty }
                return .content(RenderedContent(ChatContent.template(filled)))
            case .data(let body, let type): return try Self.render(body, type, variables)
            }
        } catch {
            return .failed(error.description)
        }
    }
}

// MARK: - Mail

extension ContentRenderer {
    private static func mail(subject: String?, body: String?) throws(Faults) -> Form {
        guard let subject, let body else { return .nothing }
        var faults: [Fault] = []
        var templates: [Template] = []
        for (source, dialect, path) in [
            (subject, Template.Dialect.text, "templateSubject"), (body, HTMLText.looksLikeHTML(body) ? .html : .text, "templateBody"),
        ] {
            do {
                let template = try Template(source, as: dialect, path: path)
                if path == "templateSubject", template.hasLineBreak { faults.append(Fault(path, "a subject is one line")) }
                templates.append(template)
            } catch {
                faults += error.list
            }
        }
        guard faults.isEmpty, templates.count == 2 else { throw Faults(faults) }
        return .mail(subject: templates[0], body: templates[1])
    }

    private static func render(
        _ subject: Template, _ body: Template, _ variables: TemplateVariables, _ attachments: [Attachment]
    ) throws(RenderError) -> MailContent? {
        // Line breaks and tabs can only come from values here; in a header they would begin a new one (RFC 5322, section 2.2).
        let line = try subject.render(variables).split(whereSeparator: { $0.isNewline || $0 == "\t" }).joined(separator: " ").trimmed
        let rendered = try body.render(variables).trimmingLineEnds
        guard !line.isEmpty else { return nil }
        if body.dialect == .html {
            let html = HTMLText.hasBlocks(rendered) ? rendered : rendered.replacing("\n", with: "<br>\n")
            let text = HTMLPlainText.text(of: html)
            guard !text.isEmpty || html.contains("<img") else { return nil }
            return MailContent(subject: line, text: text, html: html, attachments: attachments)
        }
        guard rendered.unlessBlank != nil else { return nil }
        return MailContent(subject: line, text: rendered, html: HTMLText.simpleHTML(rendered), attachments: attachments)
    }
}

extension String {
    /// The text without blanks at the ends of its lines and without line breaks at its end.
    var trimmingLineEnds: String {
        var text = split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = line
            while let last = line.last, last.isWhitespace { line = line.dropLast() }
            return line
        }.joined(separator: "\n")
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }
}

// MARK: - Data

extension ContentRenderer {
    private static func data(_ body: String?) throws(Faults) -> Template? {
        guard let body else { return nil }
        return try Template(body, as: .json, path: "templateBody")
    }

    private static func render(_ body: Template?, _ type: String, _ variables: TemplateVariables) throws(RenderError) -> RenderResult {
        guard let body else { return .content(RenderedContent(DataContent(type: type, data: variables.json))) }
        guard let json = try? JSONValue(parsing: try body.render(variables)) else { return .failed("the rendered body is not JSON") }
        if let named = json["type"]?.stringValue, let data = json["data"] {
            return .content(RenderedContent(DataContent(type: named, data: data)))
        }
        return .content(RenderedContent(DataContent(type: type, data: json)))
    }
}
