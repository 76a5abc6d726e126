"""Lists of an application and their contacts, and the calls that work with them."""
