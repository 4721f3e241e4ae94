"""What operators see of the running platform: log events, metrics and their rate limits."""
