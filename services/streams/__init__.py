"""Processors that may lag, in a process of their own: history, rates and times (docs/streams.md)."""
