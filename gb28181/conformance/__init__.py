"""Conformance: drives a device through the laboratory's items and says what it found.

    Item     what is done with a device, and the checks of what was seen (`items/`)
    Desk     what an item may do: ask, tell, look, play, wait (`desk.py`; really done in `bench.py`)
    Evidence what was done and every message on the wire meanwhile (`evidence.py`)
    Finding  what the checks say of the evidence (`checks.py`), pure

The items follow the grades A to E of the Ministry's laboratory, and the further points of the
edition of 2022. Nothing here is a second SIP stack: all of it goes through the services that serve
operators.
"""
