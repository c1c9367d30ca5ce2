"""Two items side by side: the paths at which they differ, and how a path is written.

Pure functions on DynamoDB JSON. It must not format values for people, nor know reports and tables.
"""
