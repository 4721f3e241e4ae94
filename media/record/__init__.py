"""Recordings: the spool a stream is written into, and the file made of it."""
