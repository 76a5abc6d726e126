"""Real failures against the real server under load; each ends by checking the ledger. `python -m chaos --help`."""
