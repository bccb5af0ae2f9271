"""The history: the ledger folded into tables that analysts question in SQL."""
