"""What happened, kept as evidence: the request log, the audit, seals over both, pruning."""
