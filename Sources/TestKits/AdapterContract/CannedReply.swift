import AdapterKit

extension GoldenCase.Exchange {
    init(http json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let expected = reader.read("expect") { (json: JSONValue, path: String) throws(Faults) in try ExpectedHTTPCall(json, path: path) }
        let reply = reader.read("reply") { (json: JSONValue, path: String) throws(Faults) in try HTTPReply(json, path: path) }
        let failure = reader.read("failure") { (json: JSONValue, path: String) throws(Faults) in try HTTPFailure(json, path: path) }
        if expected == nil, reader.faults.isEmpty { reader.fault("expect", "is required") }
        if (reply == nil) == (failure == nil), reader.faults.isEmpty { reader.fault(nil, "must have exactly one of reply and failure") }
        try reader.finish()
        guard let expected, let result = reply.map(HTTPResult.reply) ?? failure.map(HTTPResult.failure) else { throw Faults([]) }
        self = .http(expected, result)
    }

    init(mail json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let expected = reader.read("expect") { (json: JSONValue, path: String) throws(Faults) in try ExpectedMailCall(json, path: path) }
        let results = ["accepted", "refused", "failed"].compactMap { key in
            reader.read(key) { (json: JSONValue, path: String) throws(Faults) in try MailResult(key, json, path: path) }
        }
        if expected == nil, reader.faults.isEmpty { reader.fault("expect", "is required") }
        if results.count != 1, reader.faults.isEmpty { reader.fault(nil, "must have exactly one of accepted, refused and failed") }
        try reader.finish()
        guard let expected, let result = results.first else { throw Faults([]) }
        self = .mail(expected, result)
    }
}

extension HTTPReply {
    fileprivate init(_ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let status = reader.int("status", required: true) ?? 0
        let headers = try texts(reader.object("headers") ?? [:], path: reader.path(of: "headers"))
        let body = reader.value("json")?.bytes ?? Array((reader.string("body", allowBlank: true) ?? "").utf8)
        let retryAfter = reader.duration("retryAfter")
        let isTruncated = reader.bool("truncated") ?? false
        try reader.finish()
        self.init(
            status: Int(status), headers: headers.sorted { $0.key < $1.key }.map { HTTPHeader($0.key, $0.value) }, body: body,
            isTruncated: isTruncated,
            retryAfter: retryAfter)
    }
}

extension HTTPFailure {
    fileprivate init(_ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        let reason = reader.choice("reason", as: Reason.self, required: true)
        let mayHaveArrived = reader.bool("mayHaveArrived") ?? false
        try reader.finish()
        guard let reason else { throw Faults([]) }
        self.init(reason, mayHaveArrived: mayHaveArrived, "scripted \(reason.rawValue)")
    }
}

extension MailResult {
    fileprivate init(_ kind: String, _ json: JSONValue, path: String) throws(Faults) {
        var reader = try ObjectReader(json, path: path)
        if kind == "failed" {
            let phase = reader.choice("phase", as: MailPhase.self, required: true)
            let reason = reader.choice("reason", as: MailFailure.Reason.self, required: true)
            try reader.finish()
            guard let phase, let reason else { throw Faults([]) }
            self = .failed(MailFailure(reason, "scripted \(reason.rawValue)"), in: phase)
            return
        }
        let phase = kind == "refused" ? reader.choice("phase", as: MailPhase.self, required: true) : .finalDot
        let reply = SMTPReply(&reader)
        let recipients = reader.list("recipients") { (json: JSONValue, path: String) throws(Faults) in
            var inner = try ObjectReader(json, path: path)
            let recipient = inner.string("recipient", required: true) ?? ""
            let reply = SMTPReply(&inner)
            try inner.finish()
            return RecipientReply(recipient: recipient, reply: reply)
        }
        try reader.finish()
        guard let phase else { throw Faults([]) }
        self =
            kind == "accepted" ? .accepted(reply, recipients: recipients ?? []) : .refused(reply, in: phase, recipients: recipients ?? [])
    }
}

extension SMTPReply {
    fileprivate init(_ reader: inout ObjectReader) {
        let code = reader.int("code", required: true) ?? 0
        let text = reader.string("enhanced")
        let enhanced = text.flatMap { EnhancedCode($0) }
        if text != nil, enhanced == nil { reader.fault("enhanced", "must be an enhanced code such as 5.1.1") }
        self.init(code: Int(code), enhanced: enhanced, lines: reader.strings("lines") ?? [])
    }
}
