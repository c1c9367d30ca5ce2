"""Pages → pairs → suspects → differences.

A strategy brings the items of both sides together as pairs; `judge` finds the suspects among them by their bytes;
`confirm` reads suspects again; what still differs is a difference. It must not write, and knows no flags and no
files: what it needs of the flags comes as values of `model.settings`.
"""
