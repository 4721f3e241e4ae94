"""HLS and low-latency HLS out of memory (RFC 8216)."""
