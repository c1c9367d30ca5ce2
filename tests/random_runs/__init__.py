"""Random runs of the program on random tables, on bad days, against brute force: `make test-random`.

A run is made from one number, its seed: tables and flags (`worlds`, `plans`), a server that holds the tables and does
to requests what services and networks do (`server`, `scene`, `answers`, `trouble`), the program, started, killed and
resumed (`runs`), and what must have come of it by brute force, without a line of the program's own code
(`expectation`, `checks`).
"""
