"""Tables for the demonstration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.transport import Transport
from fastsync.model.difference import Item
from fastsync.model.settings import Retrying
from fastsync.model.table import Endpoint, TableRef

BATCH = 25
"""Items in one BatchWriteItem: the service's limit (API reference)."""


def fill_tables(url: str, tables: Mapping[str, Sequence[Item]]) -> None:
    """Create tables at this address, each with its items."""
    with ThreadPoolExecutor(len(tables)) as pool:
        list(pool.map(lambda name: _create_table(TableRef.parse(name, url), tables[name]), tables))


def _create_table(ref: TableRef, items: Sequence[Item]) -> None:
    """Create one table and write its items."""
    transport = Transport(ref, Endpoint(str(ref.endpoint_url)), lambda: Credentials("demo", "demo"), Retrying())
    schema = {
        "TableName": ref.name,
        "KeySchema": [
            {"AttributeName": "customer", "KeyType": "HASH"},
            {"AttributeName": "order", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "order", "AttributeType": "N"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
    }
    try:
        transport.post("CreateTable", json.dumps(schema).encode(), json.loads)
        for start in range(0, len(items), BATCH):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
            transport.post("BatchWriteItem", json.dumps({"RequestItems": {ref.name: puts}}).encode(), json.loads)
    finally:
        transport.close()
