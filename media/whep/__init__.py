"""WebRTC to browsers by WHEP."""
