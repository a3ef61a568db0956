"""A mail server that nobody of this project wrote (aiosmtpd), for tests that send to it.

Prints one JSON object a line on standard output: first `{"port": N}`, then for each message `{"sender", "recipients", "data_base64"}` and
after it the message as Python's `email` package reads it: `{"defects", "message_id", "subject", "from", "to", "text", "html",
"attachments"}`. Ends when standard input ends.
"""

import argparse
import base64
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.controller import Controller


def emit(value):
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def parsed(data):
    """What a mail program would show of the message."""
    message = email.message_from_bytes(data, policy=email.policy.SMTP)

    def body(kind):
        part = message.get_body(preferencelist=(kind,))
        return None if part is None else part.get_content()

    return {
        "defects": [
            f"{part.get_content_type()}: {type(defect).__name__} {defect}"
            for part in message.walk()
            for defect in [*part.defects, *(fault for value in part.values() for fault in getattr(value, "defects", ()))]
        ],
        "message_id": message["message-id"],
        "subject": message["subject"],
        "from": message["from"],
        "to": message["to"],
        "text": body("plain"),
        "html": body("html"),
        "attachments": [
            {
                "filename": part.get_filename(),
                "content_type": part.get_content_type(),
                "base64": base64.b64encode(part.get_payload(decode=True) or b"").decode(),
            }
            for part in message.iter_attachments()
        ],
    }


class Handler:
    async def handle_DATA(self, server, session, envelope):
        # `original_content` is what came over the wire, with the transparency dots already removed.
        data = envelope.original_content
        emit(
            {
                "sender": envelope.mail_from,
                "recipients": envelope.rcpt_tos,
                "data_base64": base64.b64encode(data).decode(),
            }
        )
        emit(parsed(data))
        return "250 2.0.0 kept"


class LoopbackController(Controller):
    """Starts on a free port; aiosmtpd's own readiness probe would connect to port 0."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require-tls", action="store_true", help="refuse mail before STARTTLS; needs --certificate and --key")
    parser.add_argument("--certificate", metavar="PEM")
    parser.add_argument("--key", metavar="PEM")
    arguments = parser.parse_args()

    options = {}
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
        options = {"tls_context": context, "require_starttls": arguments.require_tls}
    elif arguments.require_tls:
        parser.error("--require-tls needs --certificate and --key")

    controller = LoopbackController(Handler(), hostname="127.0.0.1", port=0, enable_SMTPUTF8=True, **options)
    controller.start()
    try:
        emit({"port": controller.port})
        sys.stdin.buffer.read()
    finally:
        controller.stop()


if __name__ == "__main__":
    main()
