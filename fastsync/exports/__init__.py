"""Full exports of tables, read from a local folder or from S3: what is in them, and their items as raw bytes.

It must not compare anything, nor know flags. What an export's manifest says is checked; nothing of it is believed.
"""
