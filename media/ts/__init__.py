"""MPEG transport stream."""
