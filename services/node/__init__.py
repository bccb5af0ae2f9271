"""A server process: ledger, replica, ingress, timekeeper and history, put together."""
