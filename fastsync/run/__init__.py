"""One run, in the parent process: prepare it, hand out tasks, follow their events, keep what outlives it.

`synchronizer.Synchronizer` is the door. `coordinator` knows the course of a run, `tasks` what is left of it; `recorder`
passes each page that counts to the statistics, the report and whoever listens. Checkpoints follow the report, which
makes a crash harmless. It must not read or write items itself (tasks do, in `workers`), and it knows nothing of argv.
"""
