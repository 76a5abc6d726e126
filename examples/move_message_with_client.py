"""Move a message, with the client in the package daas.

Usage: move_message_with_client.py URL MAILBOX ID FOLDER [--without-md5]
The environment has the keys: DAAS_PUBLIC_KEY and DAAS_PRIVATE_KEY.
"""

import os
import sys

from daas.client import CallFailed, DirectClient

if __name__ == "__main__":
    url, mailbox, message_id, folder, *options = sys.argv[1:]
    keys = os.environ["DAAS_PUBLIC_KEY"], os.environ["DAAS_PRIVATE_KEY"]
    with DirectClient(url, *keys, content_md5="--without-md5" not in options) as direct:
        try:
            print(direct.move(mailbox, message_id, folder))
        except CallFailed as failure:
            sys.exit(str(failure))
