public import GatewayModel

extension Reason {
    /// The reason as a clause, without a full stop.
    public var words: String {
        switch self {
        case .ruleEnabled: "a step is enabled"
        case .ruleNotFound: "no workflow has a step for it"
        case .ruleDisabled: "every step for it is disabled"
        case .workflowCleared: "the lead's workflow was cleared by hand"
        case .legacyMode: "the organization is in legacy mode"
        case .shadowMode: "the organization is in shadow mode"
        case .missingEmail: "there is no e-mail address"
        case .missingPhone: "there is no phone number"
        case .missingEndpoint: "there is no endpoint"
        case .optedOut: "the recipient has opted out"
        case .addressSuppressed: "the address is suppressed"
        case .invalidAddress: "the address is not valid"
        case .renderFailed: "the step's text could not be rendered"
        case .emptyContent: "there was nothing to say"
        case .enqueueFailed: "the store could not be reached"
        case .killSwitch: "a kill switch stands"
        case .quietHours: "it is outside the send window"
        case .superseded: "a later event took its place"
        case .channelNotConfigured: "the channel is not configured"
        case .resolverFailed: "the workflow could not be determined"
        case .poison: "it was claimed again and again without an end"
        case .expired: "its deadline passed"
        case .attemptsExhausted: "every try was used up"
        case .rejected: "the provider refused it for good"
        case .outsideWindow: "it is outside the provider's service window"
        case .templateInvalid: "the provider's template does not fit"
        case .tooLarge: "it is too large"
        case .cancelledByUser: "a person cancelled it"
        case .resolvedByUser: "a person said that it arrived"
        case .channelPaused: "the channel's account is paused"
        case .undecodable: "its stored form cannot be read"
        case .answerLost: "the provider's answer was lost"
        case .erased: "its recipient was erased"
        }
    }
}
