"""How a difference looks to a person: characters, values, and the block of one difference, as text.

It must not read or write anything, nor know where the text goes.
"""
