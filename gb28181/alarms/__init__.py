"""Alarms: what devices report, kept, told, acknowledged, and what follows from them.

kinds.py     priorities, methods, types and events with their names (zh, en) and editions
making.py    a notification becomes a row; which notifications are the same alarm
receipts.py  the Response the standard wants for each
service.py   taking alarms in, answering questions about them
rules.py     which alarm makes what follow
linkage.py   making it follow, bounded
webhook.py   one of those things: a signed POST
actions.py   the others: what a camera can be made to do
"""
