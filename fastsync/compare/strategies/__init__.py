"""Two ways to bring the items of master and slaves together in pairs; `compare.pairs.Strategy` is their interface.

`lookup` scans the master and looks its keys up on the slaves. `merge` scans all tables side by side, which costs
half as much where their scans return items in the same order. A strategy must not judge: no verdict follows from
the order of items, so whatever it could not match, it passes on as unseen.
"""
