"""Verifies the DKIM signatures of messages with dkimpy (and PyNaCl for Ed25519).

Reads one JSON object a line on standard input, `{"message_base64", "records"}`, where `records` gives the TXT record of each name that the
DNS would be asked for, and answers each with `{"ok", "signatures", "error"}`: whether there is a signature and all of them hold.
"""

import base64
import json
import sys

import dkim


def verdict(request):
    records = {name.rstrip("."): text.encode() for name, text in request["records"].items()}
    verifier = dkim.DKIM(base64.b64decode(request["message_base64"], validate=True), minkey=1024)
    count = sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers)
    for index in range(count):
        if not verifier.verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name.decode().rstrip("."))):
            return {"ok": False, "signatures": count, "error": f"signature {index} does not hold"}
    return {"ok": count > 0, "signatures": count, "error": None}


def main():
    for line in sys.stdin:
        try:
            answer = verdict(json.loads(line))
        except Exception as error:  # whatever is wrong with one line is its answer; the next line is served
            answer = {"ok": False, "signatures": 0, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
