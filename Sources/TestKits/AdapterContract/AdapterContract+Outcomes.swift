import AdapterKit

// The rules about what is made of the provider's answers.
extension AdapterContract {
    /// Troubles of the provider that say nothing of the message.
    var trouble: [Reply] {
        if isMail {
            return [MailPhase.greeting, .mail, .rcpt, .data].map {
                .mail(.refused(SMTPReply(code: 421, lines: ["try later"]), in: $0, recipients: []))
            }
                + [.mail(.refused(SMTPReply(code: 451, enhanced: .init(4, 3, 0), lines: ["local error"]), in: .finalDot, recipients: []))]
        }
        return [500, 502, 503, 504, 599].map { .http(.reply(HTTPReply(status: $0, body: Array("trouble".utf8)))) } + [
            .http(.reply(HTTPReply(status: 429)))
        ]
    }

    func garbageNotAccepted() async throws -> [String] {
        var replies: [Reply]
        switch exchange {
        case .http(_, let result):
            guard case .reply(var reply) = result else { return ["the sample is accepted without a reply"] }
            replies = [0, 99, 100, 199, 300, 304, 600, 999].map { .http(.reply(HTTPReply(status: $0, body: reply.body))) }
            replies += HTTPFailure.Reason.allCases.flatMap { reason in
                [true, false].map { .http(.failure(HTTPFailure(reason, mayHaveArrived: $0, "scripted"))) }
            }
            if acceptance == .body {
                let cut = Array(reply.body.prefix(reply.body.count / 2))
                for body in [
                    [], cut, Array("<html>".utf8), Array("{}".utf8), Array("null".utf8), [UInt8](repeating: 0x7B, count: 4096),
                    [0xFF, 0xFE],
                ] {
                    reply.body = body
                    replies.append(.http(.reply(reply)))
                    reply.isTruncated = true
                    replies.append(.http(.reply(reply)))
                    reply.isTruncated = false
                }
            }
        case .mail:
            replies = [0, 199, 299, 354, 450, 550, 600].map { .mail(.refused(SMTPReply(code: $0), in: .finalDot, recipients: [])) }
            replies += MailFailure.Reason.allCases.flatMap { reason in
                MailPhase.allCases.map { .mail(.failed(MailFailure(reason, "scripted"), in: $0)) }
            }
            let refused = MailResult.RecipientReply(recipient: endpoint.address, reply: SMTPReply(code: 550, enhanced: .init(5, 1, 1)))
            replies.append(.mail(.refused(SMTPReply(code: 550), in: .rcpt, recipients: [refused])))
        }
        return try await check(replies, "must not be accepted") { $0.kind != .accepted }
    }

    func troublePasses() async throws -> [String] {
        try await check(trouble, "must be tried again") { $0.mayBeTriedAgain }
    }

    func hintHonoured() async throws -> [String] {
        guard !isMail else { return [] }
        let replies = [429, 503].map { Reply.http(.reply(HTTPReply(status: $0, retryAfter: .seconds(37)))) }
        return try await check(replies, "must wait the 37 seconds that the provider asks for") {
            $0.mayBeTriedAgain && $0.retryAfter == .seconds(37)
        }
    }

    func lostAnswer() async throws -> [String] {
        let replies: [Reply] =
            isMail
            ? [.closed, .timeout].map { .mail(.failed(MailFailure($0, "scripted"), in: .finalDot)) }
            : [.closed, .timeout, .malformedReply].map { .http(.failure(HTTPFailure($0, mayHaveArrived: true, "scripted"))) }
        return try await check(replies, "must be a lost answer") { $0.kind == .answerLost }
    }

    func nothingLeft() async throws -> [String] {
        let replies: [Reply] =
            isMail
            ? [(.connect, .connect), (.nameResolution, .connect), (.timeout, .greeting), (.closed, .mail), (.closed, .data)]
                .map { (failure: (MailFailure.Reason, MailPhase)) in .mail(.failed(MailFailure(failure.0, "scripted"), in: failure.1)) }
            : [.nameResolution, .connect, .tls, .closed, .timeout].map {
                .http(.failure(HTTPFailure($0, mayHaveArrived: false, "scripted")))
            }
        return try await check(replies, "must be tried again, for nothing was sent") { $0.mayBeTriedAgain }
    }

    func forbiddenAddress() async throws -> [String] {
        let reply: Reply =
            isMail
            ? .mail(.failed(MailFailure(.forbiddenAddress, "scripted"), in: .connect))
            : .http(.failure(HTTPFailure(.forbiddenAddress, mayHaveArrived: false, "scripted")))
        return try await check([reply], "must be refused for good or pause the account") {
            $0.kind == .rejected || $0.kind == .channelFault
        }
    }

    /// Providers echo what they were sent; none of it may come back to be shown.
    func keepsSecrets() async throws -> [String] {
        let quiet = try bench(yes)
        let hidden = quiet.secrets + sample.request.privateTexts(endpoint)
        let echo = hidden.joined(separator: " ")
        let replies: [Reply]
        if isMail {
            let lines = [echo]
            replies =
                [250, 421, 450, 535, 550, 554].flatMap { code in
                    [MailPhase.auth, .mail, .rcpt, .finalDot].map {
                        .mail(.refused(SMTPReply(code: code, lines: lines), in: $0, recipients: []))
                    }
                } + [.mail(.accepted(SMTPReply(code: 250, lines: lines), recipients: []))]
        } else {
            let error: JSONValue = [
                "error": ["message": .string(echo), "code": 100, "error_data": ["details": .string(echo)], "fbtrace_id": .string(echo)],
                "message": .string(echo),
            ]
            replies = [200, 301, 400, 401, 403, 404, 410, 422, 429, 500].flatMap { status in
                [Array(echo.utf8), error.bytes].map {
                    .http(.reply(HTTPReply(status: status, headers: [HTTPHeader("Location", echo)], body: $0)))
                }
            }
        }
        var found = quiet.leaks(of: quiet.secrets, in: quiet.shown, "the adapter's description")
        for reply in replies + [yes] {
            let bench = try bench(reply)
            let seen = SeenOutcome(try await bench.adapter.deliver(request))
            found += bench.leaks(of: hidden, in: seen.text, "the outcome of an echoing provider")
            found += bench.leaks(of: hidden, in: bench.log.text, "the log")
        }
        return found
    }
}
