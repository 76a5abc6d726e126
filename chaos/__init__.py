"""Cause real failures of a real server under load, and check the database after each: `python -m chaos --help`."""
