import AdapterKit
import CCurl

/// Reads `Retry-After` (RFC 9110, section 10.2.3), given in seconds or as a date, as a length of time.
enum RetryAfter {
    /// What is longer is no longer wait, only a larger number.
    static let longest = Duration.seconds(10 * 365 * 86_400)

    /// Nothing for a time that has passed; `nil` for what is neither a number nor a date.
    static func wait(_ value: String, now: Timestamp) -> Duration? {
        if value.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard !value.isEmpty else { return nil }
            return min(Int64(value).map { .seconds($0) } ?? longest, longest)
        }
        // libcurl takes a mere weekday or year for a date too; every form of RFC 9110 has a time of day.
        guard value.utf8.contains(0x3A) else { return nil }
        let date = curl_getdate(value, nil)
        guard date != -1 else { return nil }
        return min(max(Timestamp(seconds: Int64(date)) - now, .zero), longest)
    }
}
