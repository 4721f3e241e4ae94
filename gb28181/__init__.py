"""A networked video platform for GB/T 28181: the application. Wiring is in `app.py`."""

__version__ = "0.1.0"
