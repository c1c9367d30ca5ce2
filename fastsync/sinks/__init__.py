"""Sinks: who listens to what a run brings. They never reach back into it."""
