"""Look up many keys of one table at once: how large requests are, how many are in flight, and what has arrived.

It must not judge what was found, nor know why it was asked for.
"""
