"""Every flag, validated once, before anything is read.

`flags` is the table of all flags. `config.Config` holds their values and raises ConfigError, with one clear sentence,
where one is wrong; its properties are the values of `model` that the rest of the program works with. This package must
not do anything: it sends no request and opens no file for writing.
"""
