"""Signing and checking of HTTP requests: no Flask, no database, nothing else of this project.

`mechanism` holds the only HMAC; a scheme such as `direct_scheme.DIRECT` is a value that it takes.
"""
