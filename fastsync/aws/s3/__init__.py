"""Files in S3: listed and read, as far as exports of tables need it.

`client` is the only module that knows how botocore is asked. Nothing here may write, and it must not know what is in
the files.
"""
