"""HTTP: the calls of the outward contract, the streams, the events, and the console's files.

platform.py   what a request may reach
application.py  builds the FastAPI application
errors.py     PlatformError -> JSON
tokens.py     access tokens
guard.py      who asks, and may it
limits.py     failed logins
views.py      the shapes of answers (pydantic, snake_case)
one module per noun: auth, devices, tree, channels, sessions, live, events, system, console
"""
