"""Verifies webhook signatures with the `standardwebhooks` library.

Reads one JSON object a line on standard input, `{"secret", "headers", "body_base64"}`, and answers each with `{"ok", "error"}`.
"""

import base64
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verdict(request):
    headers = {name.lower(): value for name, value in request["headers"].items()}
    try:
        Webhook(request["secret"]).verify(base64.b64decode(request["body_base64"], validate=True), headers)
    except WebhookVerificationError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "error": None}


def main():
    for line in sys.stdin:
        try:
            answer = verdict(json.loads(line))
        except Exception as error:  # whatever is wrong with one line is its answer; the next line is served
            answer = {"ok": False, "error": f"not a request: {type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
