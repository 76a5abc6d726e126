"""API 1, Direct messages: its calls, their arguments and their responses."""
