"""RTSP to players (RFC 2326)."""
