"""What is left to do in a run: segments to compare, extras to delete or items to restore, handed out as tasks.

`source.TaskSource` is their interface. `agenda` hands out segments, `deletes` extras that wait in files until they may
be deleted (`delete_guard`), `undo_tasks` the items of an undo log. `follower` takes in what tasks at work bring, and
hands to the recorder what counts. It must not write a report or a checkpoint itself.
"""
