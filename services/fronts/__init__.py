"""Processes that take requests for a server and check who signed them (architecture, Several processes)."""
