"""Make a list and add a contact to it, with only Python 3.9 or later.

Usage: add_contact.py URL LIST_NAME EMAIL_ADDRESS NAME
The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.
"""

import hashlib
import hmac
import json
import os
import re
import sys
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen


def call(url: str, method: str, uri: str, posted: "dict[str, str] | None" = None) -> "tuple[int, str]":
    """Send a signed request and return the response's status and body.

    The query in `uri` must be sorted by name.
    """
    body = "" if posted is None else json.dumps(posted, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    signed = body or '{"posted_data":"[]"}'
    string_to_sign = f"{method}::{uri}::{signed}".lower()
    signature = hmac.new(os.environ["DAAS_PRIVATE_KEY"].encode(), string_to_sign.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Authorization": f"RCWS {os.environ['DAAS_PUBLIC_KEY']}:{signature}",
        "Content-Type": "application/json",
    }
    try:
        with urlopen(Request(url + uri, body.encode() or None, headers, method=method), timeout=30) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


if __name__ == "__main__":
    url, list_name, email_address, name = sys.argv[1:]
    status, body = call(url, "POST", "/v1/lists/" + quote(list_name, safe=""))
    print(body)
    if status != 201:
        sys.exit(1)
    list_id = re.findall(r"[0-9]+", json.loads(body)["message"])[-1]
    status, body = call(
        url, "POST", f"/v1/contacts.json/{list_id}/contacts/", {"email_address": email_address, "name": name}
    )
    print(body)
    if status != 201:
        sys.exit(1)
    print(call(url, "GET", f"/v1/contacts.json/{list_id}/contacts/?offset=0&pagesize=5")[1])
