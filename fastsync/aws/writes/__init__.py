"""Writes: what a conditional one holds and brings, and whole items in batches.

It must not know differences or flags: `repair` says what is written, and on which condition.
"""
