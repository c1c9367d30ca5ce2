"""The spool: items of both sides, divided by their keys into parts on disk, so that each part fits into memory.

Each task of the division writes a file of its own, and whoever compares a part reads its rows from all of these files.
It must not know tables, flags or what an item holds.
"""
