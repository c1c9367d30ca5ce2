"""Scheduled runs: a lock, dated files, and silence when all is well.

A run is the one of the command line, which this calls. It must not compare, repair or read tables itself.
"""
