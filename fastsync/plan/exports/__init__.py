"""Exports among the tables of a run: where they are, what they hold, and how much room it takes to compare them.

It must not read an item of them.
"""
