"""Processes with I/O around the pure core: ledger, replica, ingress, time, history, and the node of them all."""
