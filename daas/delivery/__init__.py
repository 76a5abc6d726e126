"""Mail that arrives: the LMTP receiver, and one message from an MTA's pipe."""
