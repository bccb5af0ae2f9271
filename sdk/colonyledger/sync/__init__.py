"""The client without `await`. All but this file is written by sdk/generate_sync.py."""
