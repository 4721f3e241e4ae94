"""SIPp scenarios written by hand, and their runner."""
