"""Data for time zones."""
