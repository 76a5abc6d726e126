"""A self-hosted Direct message service, spoken to over signed HTTP requests."""

__version__ = "2.0.0"
