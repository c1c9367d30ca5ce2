"""One task, and the places where tasks run.

`segment.run_task` is the core loop: it compares one segment, or deletes one chunk of extras, and yields events. The
executors (`inline`, `processes`, `spark`) run it somewhere and yield (task, event); they do not know each other. A
worker must not keep anything that outlives its task, decide about the run, or load botocore: events are its only
exit.
"""
