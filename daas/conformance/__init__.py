"""The conformance kit: asks a server that claims to speak the contract, and says where it does not.

It sees a server from outside alone: raw HTTP over a socket, no Flask, no database. The cases of each API are
tables in a package of their own, such as `direct`.
"""
