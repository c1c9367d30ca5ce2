"""What programs that import fastsync have beside a run itself.

`background` turns a run that calls back into an iterator, `progress` tells how far it is, `logger` writes to Python's
logging, `report` reads a report. The command line needs none of it. It must not know how a run works, and prints
nothing.
"""
