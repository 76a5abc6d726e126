"""A self-hosted Direct message service, spoken to over signed HTTP requests."""

__version__ = "0.1.0"
