"""The console in Debian's chromium."""
