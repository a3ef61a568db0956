import AdapterKit
import CCurl

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One request on its way: what libcurl's callbacks report of it, gathered until it ends. Lives on its loop's thread alone.
final class CurlTransfer {
    let order: CurlOrder
    let easy: UnsafeMutableRawPointer
    private let policy: NetworkPolicy
    private var lines: UnsafeMutablePointer<curl_slist>?
    private var head = CurlReplyHead()
    private var body: [UInt8] = []
    private var refusedSockets = 0
    private var openedSockets = 0

    init(_ order: CurlOrder, easy: UnsafeMutableRawPointer) {
        self.order = order
        self.easy = easy
        policy = order.request.network
    }

    deinit { curl_slist_free_all(lines) }

    /// Writes the request into the easy handle; `false` when libcurl refuses a part of it. The transfer must outlive the handle's use.
    func prepare(_ configuration: CurlConfiguration) -> Bool {
        let request = order.request
        var options = CurlOptions(easy)
        options.set(CURLOPT_URL, order.url.text)
        setMethod(&options)
        lines = Self.headerLines(request)
        options.set(CURLOPT_HTTPHEADER, list: lines)
        options.set(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout))
        options.set(CURLOPT_NOSIGNAL, 1)
        options.setDetachedResolver()
        setCage(&options, configuration)
        if !request.isIdempotent {
            options.set(CURLOPT_FRESH_CONNECT, 1)
            options.set(CURLOPT_FORBID_REUSE, 1)
        }
        let me = Unmanaged.passUnretained(self).toOpaque()
        options.set(CURLOPT_HEADERDATA, pointer: me)
        options.set(CURLOPT_WRITEDATA, pointer: me)
        options.set(CURLOPT_HEADERFUNCTION, callback: takeHeaderLine)
        options.set(CURLOPT_WRITEFUNCTION, callback: takeBody)
        options.set(CURLOPT_PREREQDATA, pointer: me)
        options.setBeforeRequest(beforeRequest)
        if policy.isGuarded {
            options.set(CURLOPT_OPENSOCKETDATA, pointer: me)
            options.setOpenSocket(openSocket)
        }
        return options.code == CURLE_OK
    }

    /// What came of it; to be asked before the handle is put to another use.
    func result(_ code: CURLcode) -> HTTPResult {
        let isBroken = code != CURLE_OK
        if let status = head.status {
            return .reply(
                HTTPReply(status: status, headers: head.headers, body: body, isTruncated: isBroken, retryAfter: retryAfter()))
        }
        let isForbidden = refusedSockets > 0 && openedSockets == 0
        return .failure(HTTPFailure(code, isForbidden: isForbidden, mayHaveArrived: mayHaveArrived))
    }

    /// Whether libcurl handed any byte of the request to the connection.
    var mayHaveArrived: Bool {
        var sent = 0
        return gateway_easy_get_long(easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0
    }

    private func retryAfter() -> Duration? {
        head.headers.first { $0.name.lowercased() == "retry-after" }.flatMap { RetryAfter.wait($0.value, now: SystemClock().now) }
    }
}

// MARK: - Options

extension CurlTransfer {
    private func setMethod(_ options: inout CurlOptions) {
        let request = order.request
        switch request.method {
        case "HEAD" where request.body.isEmpty: options.set(CURLOPT_NOBODY, 1)
        case "GET" where request.body.isEmpty: options.set(CURLOPT_HTTPGET, 1)
        case "DELETE" where request.body.isEmpty, "OPTIONS" where request.body.isEmpty:
            options.set(CURLOPT_HTTPGET, 1)
            options.set(CURLOPT_CUSTOMREQUEST, request.method)
        default:
            options.set(CURLOPT_POST, 1)
            options.setBody(request.body)
            if request.method != "POST" { options.set(CURLOPT_CUSTOMREQUEST, request.method) }
        }
    }

    /// What no request gets to do: other protocols, proxies, redirects, files of credentials, old TLS.
    private func setCage(_ options: inout CurlOptions, _ configuration: CurlConfiguration) {
        options.setHTTPOnly()
        options.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        options.set(CURLOPT_HTTP09_ALLOWED, 0)
        options.set(CURLOPT_FOLLOWLOCATION, 0)
        options.set(CURLOPT_PROXY, "")
        options.set(CURLOPT_NOPROXY, "*")
        options.set(CURLOPT_NETRC, 0)
        options.set(CURLOPT_PATH_AS_IS, 1)
        options.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        options.set(CURLOPT_SSL_VERIFYPEER, 1)
        options.set(CURLOPT_SSL_VERIFYHOST, 2)
        if let caFile = configuration.caFile { options.set(CURLOPT_CAINFO, caFile) }
    }

    /// The request's headers as libcurl takes them: `Name: value`, `Name;` for an empty value, `Name:` to leave one of its own out.
    private static func headerLines(_ request: HTTPRequest) -> UnsafeMutablePointer<curl_slist>? {
        var lines = curl_slist_append(nil, "Expect:")
        var hasType = false
        for header in request.headers {
            let value = header.value.drop { $0 == " " || $0 == "\t" }
            let line = value.isEmpty ? "\(header.name);" : "\(header.name): \(value)"
            lines = curl_slist_append(lines, line) ?? lines
            hasType = hasType || header.name.lowercased() == "content-type"
        }
        // libcurl would call every body a form.
        if !hasType { lines = curl_slist_append(lines, "Content-Type:") ?? lines }
        return lines
    }

    /// At least one, because 0 means "libcurl's default"; at most what a C `long` of any width holds.
    private static func milliseconds(_ duration: Duration) -> Int {
        let microseconds = max(duration.microseconds, 0)
        return Int(min(max(microseconds / 1000 + (microseconds % 1000 > 0 ? 1 : 0), 1), Int64(Int32.max)))
    }
}

// MARK: - What libcurl reports

extension CurlTransfer {
    fileprivate static func from(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
        context.map { Unmanaged<CurlTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    fileprivate func addHeaderLine(_ line: UnsafeRawBufferPointer) -> Bool { head.add(line) }

    /// Keeps as much as the request wants; `false` when there was more, which ends the transfer.
    fileprivate func addBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let room = max(order.request.maximumReplyBytes - body.count, 0)
        body.append(contentsOf: bytes.prefix(room))
        return bytes.count <= room
    }

    /// Whether the request may be handed to a connection: libcurl would do so again, on its own, when a reused one ended before the reply.
    ///
    /// Only a connection that ended before a byte was handed to it may be replaced: then nothing can arrive twice.
    fileprivate func mayBegin() -> Bool { !mayHaveArrived }

    /// Opens a socket for an address that the policy permits. Decided here, because only here the address is the one connected to.
    fileprivate func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        guard let target = IPAddress(address), policy.permits(target) else {
            refusedSockets += 1
            return CURL_SOCKET_BAD
        }
        openedSockets += 1
        return socket(address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }
}

private let takeHeaderLine: gateway_data_callback = { data, size, count, context in
    guard let transfer = CurlTransfer.from(context), let data else { return 0 }
    return transfer.addHeaderLine(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
}

private let takeBody: gateway_data_callback = { data, size, count, context in
    guard let transfer = CurlTransfer.from(context), let data else { return 0 }
    return transfer.addBody(UnsafeRawBufferPointer(start: data, count: size * count)) ? size * count : 0
}

private let beforeRequest: gateway_request_callback = { context, _, _, _, _ in
    CurlTransfer.from(context)?.mayBegin() == true ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

private let openSocket: gateway_open_callback = { context, _, address in
    guard let transfer = CurlTransfer.from(context), let address else { return CURL_SOCKET_BAD }
    return transfer.open(address)
}

extension IPAddress {
    /// The address that libcurl is about to connect to; `nil` for other families than IPv4 and IPv6.
    fileprivate init?(_ address: UnsafeMutablePointer<curl_sockaddr>) {
        guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return nil }
        // The structure is longer than its declaration where the family needs it.
        let raw = UnsafeRawPointer(address) + offset
        let length = Int(address.pointee.addrlen)
        switch address.pointee.family {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            let ip = raw.loadUnaligned(as: sockaddr_in.self).sin_addr
            self.init(bytes: withUnsafeBytes(of: ip, Array.init))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            let ip = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            self.init(bytes: withUnsafeBytes(of: ip, Array.init))
        default: return nil
        }
    }
}
