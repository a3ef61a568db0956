public import AdapterKit

/// What the one HTTP call of a case must look like; what is absent is not looked at.
public struct ExpectedHTTPCall: Sendable {
    public var method: String
    public var url: String
    public var headers: [String: String]
    public var json: JSONValue?
    public var body: String?
    public var isIdempotent: Bool?
    public var isGuarded: Bool?

    init(_ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        method = reader.string("method") ?? "POST"
        url = reader.string("url", required: true) ?? ""
        headers = try texts(reader.object("headers") ?? [:], path: reader.path(of: "headers"))
        self.json = reader.value("json")
        body = reader.string("body", allowBlank: true)
        isIdempotent = reader.bool("idempotent")
        isGuarded = reader.bool("guarded")
        try reader.finish()
    }

    /// How `request` differs from what is expected.
    public func mismatches(_ request: HTTPRequest) -> [String] {
        var found: [String] = []
        func compare<Value: Equatable>(_ what: String, _ expected: Value?, _ actual: Value?) {
            if let expected, expected != actual { found.append("\(what): expected \(expected), was \(actual.map { "\($0)" } ?? "absent")") }
        }
        compare("method", method, request.method)
        compare("url", url, request.url)
        compare("idempotent", isIdempotent, request.isIdempotent)
        compare("guarded", isGuarded, request.network.isGuarded)
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            compare("header \(name)", value, request.headers.first { $0.name.lowercased() == name.lowercased() }?.value)
        }
        let text = String(decoding: request.body, as: UTF8.self)
        compare("body", body, text)
        if let json, json != (try? JSONValue(parsing: request.body)) { found.append("body: expected \(json.text), was \(text)") }
        return found
    }
}

/// What the one mail transaction of a case must look like; what is absent is not looked at.
public struct ExpectedMailCall: Sendable {
    public var sender: String?
    public var recipients: [String]?
    public var host: String?
    public var port: Int?
    public var security: MailServer.Security?
    public var username: String?
    public var isGuarded: Bool?
    /// Each must occur in the message, its lines ended by LF.
    public var contains: [String]
    /// None may occur.
    public var lacks: [String]
    /// The whole message, its lines ended by LF.
    public var data: String?

    init(_ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        sender = reader.string("sender", allowBlank: true)
        recipients = reader.strings("recipients")
        contains = reader.strings("contains") ?? []
        lacks = reader.strings("lacks") ?? []
        data = reader.string("data")
        if let server = reader.value("server") {
            var inner = try ObjectReader(server, path: reader.path(of: "server"))
            host = inner.string("host")
            port = inner.int("port").map(Int.init)
            security = inner.choice("security")
            username = inner.string("username")
            isGuarded = inner.bool("guarded")
            try inner.finish()
        }
        try reader.finish()
    }

    /// How `call` differs from what is expected; a probe has no message to look at.
    public func mismatches(_ call: ScriptedMailTransport.Call) -> [String] {
        var found: [String] = []
        func compare<Value: Equatable>(_ what: String, _ expected: Value?, _ actual: Value?) {
            if let expected, expected != actual { found.append("\(what): expected \(expected), was \(actual.map { "\($0)" } ?? "absent")") }
        }
        compare("server.host", host, call.server.host)
        compare("server.port", port, call.server.port)
        compare("server.security", security, call.server.security)
        compare("server.username", username, call.server.credentials?.username)
        compare("server.guarded", isGuarded, call.server.network.isGuarded)
        compare("sender", sender, call.mail?.sender)
        compare("recipients", recipients, call.mail?.recipients)
        let text = call.mail.map { String(decoding: $0.data, as: UTF8.self).replacing("\r\n", with: "\n") } ?? ""
        compare("data", data, text)
        for part in contains where !text.contains(part) { found.append("the message lacks: \(part)") }
        for part in lacks where text.contains(part) { found.append("the message must not have: \(part)") }
        return found
    }
}

func texts(_ object: [String: JSONValue], path: String) throws(Faults) -> [String: String] {
    var texts: [String: String] = [:]
    for (name, value) in object {
        guard let text = value.stringValue ?? value.intValue.map(String.init) else {
            throw Faults([Fault("\(path).\(name)", "must be a string")])
        }
        texts[name] = text
    }
    return texts
}
