"""The program as a user runs it, on every server and executor."""
