"""An HTTP request between the server and a feature. Knows no feature."""
