"""Facts: what the fold made true, for whoever follows from outside (docs/facts.md)."""
