/// Why a decision or a delivery is as it is: a closed set, the same word everywhere.
public enum Reason: String, Hashable, Sendable, CaseIterable {
    // Of decisions, and of deliveries.
    case ruleEnabled = "rule_enabled"
    case ruleNotFound = "rule_not_found"
    case ruleDisabled = "rule_disabled"
    case workflowCleared = "workflow_cleared"
    case legacyMode = "legacy_mode"
    case shadowMode = "shadow_mode"
    case missingEmail = "missing_email"
    case missingPhone = "missing_phone"
    case missingEndpoint = "missing_endpoint"
    case optedOut = "opted_out"
    case addressSuppressed = "address_suppressed"
    case invalidAddress = "invalid_address"
    case renderFailed = "render_failed"
    case emptyContent = "empty_content"
    case enqueueFailed = "enqueue_failed"
    case killSwitch = "kill_switch"
    case quietHours = "quiet_hours"
    case superseded
    case channelNotConfigured = "channel_not_configured"
    case resolverFailed = "resolver_failed"
    case undecodable
    // Of deliveries only.
    case poison
    case expired
    case attemptsExhausted = "attempts_exhausted"
    case rejected
    case outsideWindow = "outside_window"
    case templateInvalid = "template_invalid"
    case tooLarge = "too_large"
    case cancelledByUser = "cancelled_by_user"
    case resolvedByUser = "resolved_by_user"
    case channelPaused = "channel_paused"
    case answerLost = "answer_lost"
    case erased
}
