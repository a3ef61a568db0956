import AdapterKit
import CCurl

extension HTTPFailure {
    /// What a transfer without a final status line failed of.
    ///
    /// libcurl's own messages name hosts and addresses, so none of them is passed on.
    init(_ code: CURLcode, isForbidden: Bool, mayHaveArrived: Bool) {
        let (reason, message) = Self.meaning(of: code, isForbidden: isForbidden, mayHaveArrived: mayHaveArrived)
        self.init(reason, mayHaveArrived: mayHaveArrived, message)
    }

    private static func meaning(of code: CURLcode, isForbidden: Bool, mayHaveArrived: Bool) -> (Reason, String) {
        switch code {
        case CURLE_URL_MALFORMAT: (.invalidRequest, "the URL could not be read")
        case CURLE_COULDNT_RESOLVE_HOST: (.nameResolution, "the name has no address")
        case CURLE_COULDNT_CONNECT where isForbidden: (.forbiddenAddress, "the address is not one that may be called")
        case CURLE_COULDNT_CONNECT: (.connect, "no connection could be made")
        case CURLE_OPERATION_TIMEDOUT where mayHaveArrived: (.timeout, "no reply came in time")
        case CURLE_OPERATION_TIMEDOUT: (.timeout, "no connection stood in time")
        case CURLE_SSL_CONNECT_ERROR: (.tls, "the TLS handshake failed")
        case CURLE_PEER_FAILED_VERIFICATION: (.tls, "the certificate was not accepted")
        case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR: (.tls, "the certificates could not be used")
        // No error and no final status: the peer switched protocols unasked. A write error: its lines exceeded the limit.
        case CURLE_OK, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_WRITE_ERROR:
            (.malformedReply, "what came back is not HTTP")
        default: (.closed, "the connection ended before the reply")
        }
    }

    static let notStarted = HTTPFailure(.connect, mayHaveArrived: false, "the transfer could not be started")
    static let shutDown = HTTPFailure(.closed, mayHaveArrived: false, "the transport has shut down")
}
