import CCurl

/// Sets options on an easy handle and remembers the first refusal, so that no transfer starts with an option missing.
struct CurlOptions {
    let easy: UnsafeMutableRawPointer
    private(set) var code = CURLE_OK

    init(_ easy: UnsafeMutableRawPointer) { self.easy = easy }

    mutating func set(_ option: CURLoption, _ value: Int) {
        note(gateway_easy_set_long(easy, option, value))
    }

    /// libcurl copies the text.
    mutating func set(_ option: CURLoption, _ value: String) {
        note(gateway_easy_set_text(easy, option, value))
    }

    mutating func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer) {
        note(gateway_easy_set_pointer(easy, option, pointer))
    }

    /// The list must outlive the transfer.
    mutating func set(_ option: CURLoption, list: UnsafeMutablePointer<curl_slist>?) {
        note(gateway_easy_set_list(easy, option, list))
    }

    mutating func set(_ option: CURLoption, callback: gateway_data_callback) {
        note(gateway_easy_set_data_callback(easy, option, callback))
    }

    mutating func setOpenSocket(_ callback: gateway_open_callback) {
        note(gateway_easy_set_open_callback(easy, callback))
    }

    mutating func setBeforeRequest(_ callback: gateway_request_callback) {
        note(gateway_easy_set_request_callback(easy, callback))
    }

    mutating func setHTTPOnly() { note(gateway_easy_set_http_only(easy)) }

    mutating func setDetachedResolver() { note(gateway_easy_set_detached_resolver(easy)) }

    mutating func setBody(_ body: [UInt8]) {
        note(
            body.withUnsafeBytes { bytes in
                // An empty array has no address, and a null pointer would have libcurl read the body from a callback.
                withUnsafePointer(to: UInt8(0)) { none in
                    gateway_easy_set_body(easy, bytes.baseAddress ?? UnsafeRawPointer(none), curl_off_t(bytes.count))
                }
            })
    }

    private mutating func note(_ result: CURLcode) {
        if code == CURLE_OK { code = result }
    }
}
