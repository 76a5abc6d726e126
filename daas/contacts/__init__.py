"""API 2: the lists of an application, their contacts, and the calls that manage them."""
