"""Plan the comparison of given keys: which are read together, and how they become tasks.

It must not read an item, nor decide what any key finds.
"""
