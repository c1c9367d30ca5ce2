"""Compare what tables are, not what they hold: keys, indexes, capacity, streams, and the like.

`read` asks for the settings of all tables, `values` names them and fills in defaults, `compare` says which differ, and
`wording` writes them for people. It must not read items, and must not change a setting.
"""
