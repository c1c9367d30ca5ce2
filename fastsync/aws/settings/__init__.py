"""What the service tells of a table beside DescribeTable: time to live, point-in-time recovery, tags.

It asks, and says what an answer must hold. It must not judge: `plan.settings` says what is a default, and what differs.
"""
