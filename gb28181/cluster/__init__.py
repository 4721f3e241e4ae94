"""What nodes tell each other: the event bus, and later leases and placement."""
