"""Simulated cameras and recorders: any number of GB/T 28181 devices from one process.

Beside the application, not in it: this package imports `sip`, `media` and `gb28181.manscdp` only,
and nobody but the command line imports it. `plan` says which devices there are, `machine` decides
what a device does, `fleet` runs them, `clip` and `banner` make their pictures.
"""
