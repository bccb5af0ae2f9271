# Written by sdk/generate_sync.py from colonyledger/rpc/__init__.py; change that one.
"""The client's methods, one file per domain of the protocol."""
