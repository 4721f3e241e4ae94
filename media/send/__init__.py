"""Sending to one address: sockets over UDP and TCP, and whole streams on to other platforms."""
