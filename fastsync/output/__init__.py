"""What leaves the program while a run is at work: files that survive a crash, lines on stderr.

`sink.Sink` is the interface of what listens to a run; `log.Log` is the one way to stderr; `durable` knows how files
are replaced, cut back and synced. Files of finished runs are read in `reports`, not here. It must not reach back
into the run that it listens to, and holds no decision of its own.
"""
