"""Sockets to an endpoint: opened straight or through a proxy, secured, and read as HTTP/1.

It must not know DynamoDB, credentials or retries; `aws.connections` keeps what is opened here.
"""
