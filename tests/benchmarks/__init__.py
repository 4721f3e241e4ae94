"""Benchmarks: what the running product costs, measured from outside.

`python -m tests.benchmarks --help`; docs/explanation/performance.md says how to read the table.
Every load comes from a process of its own that shares no code with the product, so that neither
its time nor its mistakes are counted.
"""
