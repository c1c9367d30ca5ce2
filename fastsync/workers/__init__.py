"""One task, and the places where tasks run.

`task.run_task` takes a task of any kind from its beginning to its end and yields its events. What happens in between is
in `segment` (the core loop: compare and repair), `deletes` and `restore` (one task of an undo), on the `stages` that
all of them share. The executors (`inline`, `processes`, `spark`) run tasks somewhere and yield (task, event); they do
not know each other. A worker must not keep anything that outlives its task, decide about the run, or load botocore:
events are its only exit.
"""
