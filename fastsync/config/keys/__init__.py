"""The keys that --key and --keys give, read and kept until the tables are known.

It must not know tables: whether a line is a key of one, and which chunks are made of them, is for `plan`.
"""
