"""Containers and viewers: what is muxed once and handed to everybody who looks."""
