"""Voices on their way to loudspeakers."""
