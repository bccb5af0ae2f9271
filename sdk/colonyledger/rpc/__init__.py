"""The client's methods, one file per domain of the protocol."""
