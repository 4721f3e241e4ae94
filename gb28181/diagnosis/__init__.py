"""Why there is no picture: a chain of checks from the registration to the decoder."""
