"""Subscriptions at devices (RFC 6665; GB/T 28181-2022 9.11, annex N): SUBSCRIBE out, NOTIFY in.

kinds.py    what can be subscribed to: Event headers and bodies
entry.py    one subscription: its machine, its dialog, its row
arriving.py NOTIFY: whose it is, and what its headers say
service.py  which subscriptions there are, and who keeps them alive
"""
