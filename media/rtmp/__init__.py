"""RTMP: cameras and encoders that publish to us, and streams that are pushed to other servers."""
