"""The pages that developers read, and the console in which they try a call."""
