"""The demonstration: an emulator of DynamoDB, three tables with known differences, and the real command line.

`servers` finds and runs an emulator, `archive` has one from npm, `orders` makes items up, `tables` fills tables, and
`steps` runs the commands. It must not compare or repair by itself: what it shows is what a user would see.
"""
