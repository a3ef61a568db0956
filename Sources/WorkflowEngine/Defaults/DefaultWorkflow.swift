public import AdapterKit

/// One message of the workflow that an organization starts with.
public struct DefaultStep: Hashable, Sendable {
    public var trigger: String
    public var channel: ChannelName
    /// `lead` or `partner`.
    public var audience: String
    /// The subject of a mail.
    public var subject: String?
    public var body: String
}

/// The workflow that an organization starts with: one step for each trigger, channel and audience that there is something to say to.
public enum DefaultWorkflow {
    /// The key under which it is stored.
    public static let key = "default"

    /// The steps in `language`, in the order in which they are stored; Dutch for languages without texts of their own.
    public static func steps(in language: Language = .dutch) -> [DefaultStep] {
        texts(language).flatMap { text -> [DefaultStep] in
            var steps = [
                DefaultStep(trigger: text.trigger, channel: .email, audience: text.audience, subject: text.subject, body: text.mail)
            ]
            if let chat = text.chat {
                steps.insert(
                    DefaultStep(trigger: text.trigger, channel: .whatsapp, audience: text.audience, subject: nil, body: chat), at: 0)
            }
            return steps
        }
    }

    /// The subject that a mail of `trigger` has when its step brings none.
    public static func subject(of trigger: String, audience: String = "lead", in language: Language = .dutch) -> String? {
        let candidates = texts(language).filter { $0.trigger == trigger }
        return (candidates.first { $0.audience == audience } ?? candidates.first)?.subject
    }

    private static func texts(_ language: Language) -> [DefaultText] { language == .english ? englishTexts : dutchTexts }
}

/// What is said about one trigger to one audience.
struct DefaultText {
    var trigger: String
    var audience = "lead"
    var chat: String?
    var subject: String
    var mail: String
}
