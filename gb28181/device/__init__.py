"""The registry: who is registered, online, unreachable, and what every device's catalog holds.

`service.DeviceService` is what the floors above use; `registry.py` holds the table of states.
"""
