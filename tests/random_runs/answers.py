"""What each operation answers, and does, on the tables of a run; requests that the service would refuse are refused.

Every field that the service always sends is there (API reference); `ConsumedCapacity` is left out as the weather says.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.e2e import canonical
from tests.random_runs.conditions import Invalid, holds
from tests.random_runs.tables import Slice, Table, sizes
from tests.random_runs.trouble import Reply, Weather, error
from tests.tables import Item

MAX_KEYS = 100
"""Keys in one BatchGetItem (API reference)."""
MAX_PUTS = 25
"""Requests in one BatchWriteItem (API reference)."""
PAGE = 12
"""Items in a page at most, where no Limit asks for fewer."""

Body = dict[str, Any]


class Answers:
    """Answer requests to one table after the other, under the weather of a run. Not safe for threads."""

    def __init__(self, weather: Weather, chance: random.Random, changed: Callable[[Table, Item, Item | None], None]):
        self._weather = weather
        self._chance = chance
        self._changed = changed
        self._operations: Mapping[str, Callable[[Table, Body], Body]] = {
            "DescribeTable": self._describe,
            "DescribeTimeToLive": self._time_to_live,
            "Scan": self._scan,
            "BatchGetItem": self._batch_get,
            "PutItem": self._put,
            "DeleteItem": self._delete,
            "BatchWriteItem": self._batch_write,
        }

    def answer(self, operation: str, table: Table, body: Body) -> Reply:
        """Carry a request out."""
        try:
            return Reply(200, json.dumps(self._operations[operation](table, body), ensure_ascii=False).encode())
        except _ConditionFailed as failed:
            shown: dict[str, Any] = {} if failed.current is None else {"Item": failed.current}
            return error("ConditionalCheckFailedException", **shown)
        except (Invalid, KeyError, ValueError) as wrong:
            return error("ValidationException", detail=f"{type(wrong).__name__}: {wrong}")

    def _describe(self, table: Table, _: Body) -> Body:
        roles = zip(table.names, ("HASH", "RANGE"), strict=False)
        return {
            "Table": {
                "TableName": table.name,
                "TableId": f"id-{table.name}",
                "TableArn": f"arn:aws:dynamodb:{table.region}:123456789012:table/{table.name}",
                "TableStatus": "ACTIVE",
                "CreationDateTime": 1.7e9,
                "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in roles],
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in table.keys],
                "ItemCount": len(table.items),
                "TableSizeBytes": sizes(table.items.values()),
                "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                "ProvisionedThroughput": {
                    "NumberOfDecreasesToday": 0,
                    "ReadCapacityUnits": 0,
                    "WriteCapacityUnits": 0,
                },
            }
        }

    def _time_to_live(self, table: Table, _: Body) -> Body:
        if table.ttl is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}}

    def _scan(self, table: Table, body: Body) -> Body:
        total, number, start = body.get("TotalSegments", 1), body.get("Segment", 0), body.get("ExclusiveStartKey")
        limit = body.get("Limit")
        if not 0 <= number < total or (limit is not None and limit < 1):
            raise Invalid("no such segment, or limit")
        if start is not None:
            self._check_key(table, start)
            if table.segment_of(start, total) != number:
                raise Invalid("the start key is not in the segment")
        most = self._chance.randint(1, PAGE)
        count = most if limit is None else min(most, limit)
        stale = self._stale(table, body)
        page = table.page(Slice(number, total, count, start), stale)
        answer: Body = {
            "Items": self._projected(page.items, body),
            "Count": len(page.items),
            "ScannedCount": len(page.items),
            **self._units(table, body, 0.5 * len(page.items), listed=False),
        }
        # a limit that is reached at the very end brings a key all the same (API reference, LastEvaluatedKey)
        more = not page.at_end or (page.last is not None and (count == limit or self._chance.random() < 0.2))
        if more:
            answer["LastEvaluatedKey"] = page.last
        elif self._chance.random() < 0.3:  # some compatible servers tell the end so
            answer["LastEvaluatedKey"] = self._chance.choice((None, {}))
        return answer

    def _batch_get(self, table: Table, body: Body) -> Body:
        asked = body["RequestItems"][table.name]
        keys: Sequence[Item] = asked["Keys"]
        if not 1 <= len(keys) <= MAX_KEYS or len({canonical.item(key) for key in keys}) < len(keys):
            raise Invalid("no keys, too many, or one twice")
        for key in keys:
            self._check_key(table, key)
        back = self._held_back(keys)
        served = [key for key in keys if key not in back]
        stale = set(self._stale(table, asked))
        found = [item for key in served if (item := table.seen(form := canonical.item(key), form in stale)) is not None]
        self._chance.shuffle(found)
        return {
            "Responses": {table.name: self._projected(found, asked)},
            "UnprocessedKeys": {table.name: {**asked, "Keys": back}} if back else {},
            **self._units(table, body, 0.5 * len(served), listed=True),
        }

    def _put(self, table: Table, body: Body) -> Body:
        item = body["Item"]
        self._check_item(table, item)
        self._write(table, body, item, item)
        return self._written(table, body, 1.0)

    def _delete(self, table: Table, body: Body) -> Body:
        self._check_key(table, body["Key"])
        self._write(table, body, body["Key"], None)
        return self._written(table, body, 1.0)

    def _write(self, table: Table, body: Body, key: Item, item: Item | None) -> None:
        current = table.items.get(table.form(key))
        if not holds(body, current):
            old = body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise _ConditionFailed(current if old else None)
        self._changed(table, table.key_of(key), item)

    def _batch_write(self, table: Table, body: Body) -> Body:
        asked = body["RequestItems"][table.name]
        items = [each["PutRequest"]["Item"] for each in asked]
        for item in items:
            self._check_item(table, item)
        if not 1 <= len(items) <= MAX_PUTS or len({table.form(item) for item in items}) < len(items):
            raise Invalid("no items, too many, or one twice")
        back = self._held_back(items)
        for item in [each for each in items if each not in back]:
            self._changed(table, table.key_of(item), item)
        puts = [{"PutRequest": {"Item": item}} for item in back]
        answer = self._units(table, body, float(len(items) - len(back)), listed=True, write=True)
        return {"UnprocessedItems": {table.name: puts} if back else {}, **answer}

    def _written(self, table: Table, body: Body, units: float) -> Body:
        return self._units(table, body, units, listed=False, write=True)

    def _held_back(self, asked: Sequence[Item]) -> list[Item]:
        """Choose what comes back unprocessed, in any order; now and then all of it."""
        if self._chance.random() >= self._weather.unprocessed:
            return []
        return self._chance.sample(asked, self._chance.randint(1, len(asked)))

    def _stale(self, table: Table, asked: Body) -> list[Any]:
        if asked.get("ConsistentRead") or not self._weather.stale:
            return []
        return [form for form in table.changed_lately() if self._chance.random() < self._weather.stale]

    def _units(self, table: Table, body: Body, units: float, *, listed: bool, write: bool = False) -> Body:
        if body.get("ReturnConsumedCapacity") != "TOTAL" or self._chance.random() < self._weather.without_units:
            return {}
        if write:
            table.write_units += units
        else:
            table.read_units += units
        told = {"TableName": table.name, "CapacityUnits": units}
        return {"ConsumedCapacity": [told] if listed else told}

    @staticmethod
    def _projected(items: Sequence[Item], asked: Body) -> Sequence[Item]:
        if "ProjectionExpression" not in asked:
            return items
        names = [asked["ExpressionAttributeNames"][alias] for alias in asked["ProjectionExpression"].split(",")]
        return [{name: item[name] for name in names if name in item} for item in items]

    @staticmethod
    def _check_key(table: Table, key: Item) -> None:
        if set(key) != set(table.names) or any(set(key[name]) != {kind} for name, kind in table.keys):
            raise Invalid("the key does not match the schema")

    @staticmethod
    def _check_item(table: Table, item: Item) -> None:
        if any(set(item.get(name, {})) != {kind} for name, kind in table.keys):
            raise Invalid("the key does not match the schema")


class _ConditionFailed(Exception):
    """The condition of a write does not hold for what is there."""

    def __init__(self, current: Item | None):
        super().__init__()
        self.current = current
