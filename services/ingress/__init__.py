"""The door: signed RPCs over HTTP, judged early, recorded, answered."""
