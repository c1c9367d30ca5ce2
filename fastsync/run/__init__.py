"""One run, in the parent process: prepare it, hand out tasks, follow their events, keep what outlives it.

`synchronizer.Synchronizer` is the door. `coordinator` is the heart: it follows the events of all tasks and passes each
page to the statistics, the report, the checkpoint and whoever listens, in the order that makes a crash harmless.
`tasks` is what is left to do. It must not read or write items itself (tasks do, in `workers`), and it knows nothing of
argv.
"""
