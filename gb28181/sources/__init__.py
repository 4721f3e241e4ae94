"""Cameras without GB/T 28181, entered by an operator: fetched by RTSP while somebody looks, or
publishing to the platform by RTMP.

To everybody else such a source is a channel like the others. What is special about it stands here:
its address and secret, and whether it could be reached the last time somebody tried.
"""
