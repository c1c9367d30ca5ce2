"""Many pairs of tables in one run, from one file: which pairs there are, and the folder with their files.

It must not know how a pair is compared: each is a run of its own. It stands above the command line, whose parsers and
files it uses.
"""
