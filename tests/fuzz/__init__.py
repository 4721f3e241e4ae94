"""Fuzz targets: one for each decoder that reads what strangers send.

Each target takes bytes and holds its decoder to one promise: a documented error or an output, a
bounded amount of memory, and for streams the same output however the bytes are cut. `table.py`
lists them; `make fuzz` lets atheris look for inputs that break it, and every test run replays the
seeds and all inputs that were ever found (`corpus/`).
"""
