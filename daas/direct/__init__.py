"""The Direct message service: mailboxes, folders, messages, and the calls that work with them."""
