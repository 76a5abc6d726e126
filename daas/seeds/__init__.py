"""Data for people who try the service: the demo and the sandbox."""
