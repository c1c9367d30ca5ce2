"""A difference → a line in the undo log → a conditional write → what came of it.

`repairer.Repairer` is the door. Every write has a condition: the slave still holds what was compared. With an undo
log, its line is on disk before the write is sent. It must not decide what differs (`compare` does), nor write
without a condition unless the user asked for batch writes.
"""
