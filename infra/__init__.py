"""Declarations of the parts around the servers: topics, tables, dashboards."""
