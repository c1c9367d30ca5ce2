"""Micro-benchmarks: what each part of the hot path costs by itself."""
