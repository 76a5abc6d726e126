"""Measures the service beside what an application could use instead: `make bench`."""
