"""One file per MANSCDP command; `registry.py` finds them by themselves."""
