"""Commands that the server adds to `colony`."""
