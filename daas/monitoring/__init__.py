"""What operators watch: logs and metrics."""
