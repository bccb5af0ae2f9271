"""The Avro schemas of everything that is written to a topic or file, with their fixed ids."""
