"""Benchmarks: a fast local server, the contenders, and what each of them costs."""
