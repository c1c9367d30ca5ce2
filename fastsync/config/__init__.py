"""Every flag, validated once, before anything is read.

`config.Config` holds all flags by name and raises ConfigError with one clear sentence; its properties are the
values of `model` that the rest of the program works with. It must not do anything: no requests, no files opened for
writing.
"""
