"""Reports for people: as text on a terminal, as Markdown, or as a table for a spreadsheet.

It must not compare tables nor start anything; what it prints holds no character that could steer a terminal.
"""
