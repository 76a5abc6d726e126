"""Measure the service and its alternatives: `make bench`."""
