"""The table of flags: parsers, config files, the README's table and the rules of a resume are all made from it.

A new flag is one row of `table` and one field of `config.Config`. Flags of a single command that are no options of a
run (`estimate --json`) stand in that command's
module. It must not know how flags are parsed.
"""
