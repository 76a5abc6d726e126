"""Move a message, with only Python's standard library.

Usage: move_message.py URL MAILBOX ID FOLDER [--without-md5]
The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.
"""

import base64
import hashlib
import hmac
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from email.utils import formatdate

URI = "/direct/messages/move/format/json"
CONTENT_TYPE = "application/x-www-form-urlencoded"


def move_message(
    url: str,
    public_key: str,
    private_key: str,
    mailbox: str,
    message_id: str,
    folder: str,
    with_md5: bool = True,
) -> tuple[int, str]:
    """Move a message; return the status and the body of the response."""
    arguments = {"mailbox": mailbox, "id": message_id, "folder": folder}
    body = urllib.parse.urlencode(arguments).encode()
    headers = {"Date": formatdate(usegmt=True), "Content-Type": CONTENT_TYPE}
    lines = ["POST", headers["Date"], CONTENT_TYPE, URI]
    if with_md5:
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        headers["Content-MD5"] = base64.b64encode(md5).decode()
        lines.insert(2, headers["Content-MD5"])

    string_to_sign = "\n".join(lines)
    hashed = hmac.new(private_key.encode(), string_to_sign.encode(), hashlib.sha256)
    signature = base64.b64encode(hashed.hexdigest().encode()).decode()
    headers["Authorization"] = f"DAAS {public_key}:{signature}"

    request = urllib.request.Request(url + URI, body, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--without-md5"]
    if len(arguments) != 4:
        sys.exit(__doc__)
    url, *move = arguments
    keys = os.environ["DAAS_PUBLIC_KEY"], os.environ["DAAS_PRIVATE_KEY"]
    status, body = move_message(url, *keys, *move, with_md5="--without-md5" not in sys.argv)
    print(body)
    sys.exit(0 if status == 200 else 1)
