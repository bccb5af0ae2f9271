"""The pure core: everything the system knows, as a function of the ledger.

Nothing here does I/O, reads a clock or an environment, or draws a random number. The same records
give the same state on every machine; a digest of it can be compared.
"""
