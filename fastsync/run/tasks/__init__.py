"""What is left to do in a run: segments to compare and extras to delete, handed out as tasks.

`source.TaskSource` is the interface that the coordinator knows; `agenda` hands out segments, `deletes` hands out extras
that wait in files until they may be deleted (`delete_guard`). It must not count differences or report them.
"""
