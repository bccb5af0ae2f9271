"""The whole idea in one run: `make demo`."""
