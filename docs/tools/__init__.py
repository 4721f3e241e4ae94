"""Makers of the documentation pages that come from the source itself."""
