"""Executors: where tasks run. Each is a generator of (task, event)."""
