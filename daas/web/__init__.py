"""An HTTP request between the server and a feature; imports no feature."""
