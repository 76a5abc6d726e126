"""The conformance kit: check whether a server keeps the contract of the two APIs.

The kit tests a server from outside, with raw HTTP over a socket: no Flask, no database. `direct` and `contacts` hold
the cases of each API as tables; `run` sends them and compares the responses.
"""
