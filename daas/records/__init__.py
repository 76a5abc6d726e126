"""The request log and the audit, as evidence: seals over both, their verification, pruning."""
