"""Measurements: how fast the fold, the ledger and the server are, and how they compare with another server.

`python -m benchmarks --help`. Nothing here is asserted by a test.
"""
