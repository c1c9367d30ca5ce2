"""Tasks as jobs of a Spark cluster: the executor, and what only a cluster needs.

Events arrive only when a task has ended, so they are condensed first; tasks write the report as numbered parts;
limits are divided among the tasks, which share no memory. It must not change what a task does, only where it runs.
"""
