"""Monitoring for operators: log lines and metrics."""
