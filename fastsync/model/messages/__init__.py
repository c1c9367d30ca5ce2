"""Everything that crosses a process boundary, and nothing else: tasks to workers, events back.

It must not hold anything that cannot be pickled, nor know who sends or receives it.
"""
