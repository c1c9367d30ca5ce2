"""Exports in S3: found, read, taken up again where a download breaks, and refused in one sentence."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.s3.bucket import Bucket
from fastsync.errors import ConfigError, ExportDamaged, FastsyncError, IncompleteError, TableError
from fastsync.exports.contents import open_export
from fastsync.exports.data_file import read_items
from fastsync.exports.export import Export
from fastsync.exports.place import parse_place
from fastsync.exports.s3_storage import S3Storage
from fastsync.model.settings import Retrying
from fastsync.model.table import S3Access
from tests.exports import write_export
from tests.functional.s3 import FakeS3, Fault, cut_after, do, ignore_range, reject
from tests.servers import KEYS, Server
from tests.tables import Item, call, create_table, put_items, unique

ITEMS: list[Item] = [{"id": {"S": f"{number}"}, "t": {"S": f"{number * 7919 % 9973}" * 40}} for number in range(3000)]
CREDENTIALS = Credentials(KEYS["AWS_ACCESS_KEY_ID"], "a secret of forty characters, as they have")
PREFIX = "nightly/AWSDynamoDB/01700000000000-1a2b3c4d"
PLACE = f"export:s3://backups/{PREFIX}"


def load(folder: Path, prefix: str = PREFIX) -> dict[str, bytes]:
    """Return the files below a folder as objects under a prefix."""
    return {f"{prefix}/{file.relative_to(folder)}": file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[FakeS3]:
    """S3 with one export."""
    write_export(tmp_path / "x", ITEMS)
    with FakeS3(load(tmp_path / "x")) as running:
        yield running


class Reached:
    """An export as it is reached at one address."""

    def __init__(self, url: str, text: str = PLACE, retries: int = 3, **access: Any):
        self.place = parse_place(text)
        self.renewals: list[Credentials] = []
        assert self.place.bucket is not None
        bucket = Bucket(
            S3Access(None, 0, url, **access),
            self.place.bucket,
            lambda: CREDENTIALS,
            Retrying(retries, 0.001),
            ask_renewal=self.renewals.append,
        )
        self.storage = S3Storage(self.place, bucket)

    def open(self) -> Export:
        return open_export(self.place, self.storage)

    def read(self, export: Export) -> list[Item]:
        """Read all items."""
        batches = (items for file in export.files for _, items in read_items(file, self.storage))
        return [json.loads(bytes(item)) for items in batches for item in items]


def by_id(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: str(item["id"]))


def test_an_export_is_read_from_s3(s3: FakeS3) -> None:
    """Manifest, listings of several pages and data files are read; names are addresses in S3."""
    reached = Reached(s3.url)
    export = reached.open()
    assert by_id(reached.read(export)) == by_id(ITEMS)
    assert all(file.name.startswith(f"s3://backups/{PREFIX}/data/") for file in export.files)
    assert not export.faults and not export.notes


def test_a_bucket_may_be_an_export_itself(tmp_path: Path) -> None:
    """An export at the top of a bucket is read without a prefix, and an object for the folder itself is none."""
    write_export(tmp_path / "x", ITEMS[:10])
    objects = {key.removeprefix("/"): content for key, content in load(tmp_path / "x", "").items()}
    with FakeS3({**objects, "data/": b""}) as s3:
        for text in ("export:s3://backups", "export:s3://backups/"):
            reached = Reached(s3.url, text)
            assert len(reached.read(reached.open())) == 10


FAULTS: dict[str, list[Fault]] = {
    "cut once": [cut_after(5_000)],
    "cut again and again": [cut_after(100)] * 20,
    "cut at once": [cut_after(0)] * 3,
    "slow down": [reject(503, "SlowDown")] * 3,
    "a fault inside": [reject(500, "InternalError"), cut_after(1_000), reject(503, "ServiceUnavailable")],
    "no answer of S3": [reject(502, "", "<html>")],
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_broken_download_is_taken_up_again(s3: FakeS3, case: str) -> None:
    """Whatever breaks a download, the rest is asked for with Range; progress starts the count of retries anew."""
    reached = Reached(s3.url)
    export = reached.open()
    s3.strike("/data/", *FAULTS[case])
    assert by_id(reached.read(export)) == by_id(ITEMS)
    assert not s3.faults
    if "cut again" in case:
        assert len([asked for asked in s3.ranges() if asked]) == 20


@pytest.mark.parametrize("case", ["cut at once", "slow down"])
def test_retries_end(s3: FakeS3, case: str) -> None:
    """A download that does not get on is given up after as many retries as the run has, in one sentence."""
    reached = Reached(s3.url)
    export = reached.open()
    s3.strike("/data/", *FAULTS[case] * 2)
    with pytest.raises(IncompleteError, match=r"s3://backups/.*/data/.*: GetObject failed 4 times, the last time with"):
        reached.read(export)


def test_listings_are_retried(s3: FakeS3) -> None:
    """A listing that fails is asked for again."""
    s3.strike("list-type", *FAULTS["a fault inside"][:1], *FAULTS["slow down"][:2])
    assert len(Reached(s3.url).open().files) == 3
    s3.strike("list-type", *[reject(500, "InternalError")] * 4)
    with pytest.raises(TableError, match=r"ListObjectsV2 failed 4 times"):
        Reached(s3.url).open()


def test_an_object_that_is_replaced_is_damage(s3: FakeS3) -> None:
    """Where an object is another one, or gone, after it was listed or in the middle of a download, that is an error."""
    reached = Reached(s3.url)
    export = reached.open()
    key = next(key for key in s3.objects if "/data/0000" in key)
    content = s3.objects[key]

    def replace() -> None:
        s3.objects[key] = content[::-1]

    s3.strike("/data/0000", cut_after(1_000), do(replace))
    with pytest.raises(ExportDamaged, match=r"/data/0000.* was replaced or removed after it was listed"):
        reached.read(export)
    with pytest.raises(ExportDamaged, match=r"was replaced or removed"):
        reached.read(export)
    del s3.objects[key]
    with pytest.raises(ExportDamaged, match=r"was replaced or removed"):
        reached.read(export)


def test_a_server_that_knows_no_ranges_is_told_of(s3: FakeS3) -> None:
    """A server that sends the whole object again is not taken for one that sends the rest."""
    reached = Reached(s3.url)
    export = reached.open()
    s3.strike("/data/", cut_after(1_000), ignore_range)
    with pytest.raises(IncompleteError, match="a request for a part of the object with something else"):
        reached.read(export)


def test_damage_in_s3_is_damage(s3: FakeS3) -> None:
    """An object that is not what the manifest tells is damaged, with its address."""
    key = next(key for key in s3.objects if "/data/0000" in key)
    s3.objects[key] = gzip.compress(b'{"Item":{"id":{"S":"other"}}}\n')
    reached = Reached(s3.url)
    with pytest.raises(ExportDamaged, match=r"s3://backups/.*/data/0000.*MD5"):
        reached.read(reached.open())


REFUSALS: dict[str, tuple[Fault, str]] = {
    "denied": (reject(403, "AccessDenied", "Access Denied"), r"rejected with AccessDenied.*allow s3:ListBucket"),
    "no bucket": (reject(404, "NoSuchBucket"), r"rejected with NoSuchBucket.*check its name and account"),
    "unknown key": (reject(403, "InvalidAccessKeyId"), r"check the access key"),
    "signature": (reject(403, "SignatureDoesNotMatch", f"x {CREDENTIALS.secret_key}"), r"check the secret key"),
    "no xml": (reject(400, "", ""), r"ListObjectsV2 was rejected"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_s3_refuses_is_one_sentence(s3: FakeS3, case: str) -> None:
    """Denied access, a bucket that is not there and wrong keys cannot be compared, and no secret is told."""
    fault, message = REFUSALS[case]
    s3.strike("list-type", fault)
    with pytest.raises(TableError, match=message) as error:
        Reached(s3.url).open()
    assert "\n" not in str(error.value) and CREDENTIALS.secret_key not in str(error.value)


def test_a_server_out_of_reach_is_one_sentence() -> None:
    """Where nobody listens, the export cannot be compared."""
    with pytest.raises(TableError, match=r"s3://backups/.*ListObjectsV2 failed 2 times.*Could not connect"):
        Reached("http://127.0.0.1:9", retries=1).open()


def test_a_prefix_without_an_export_is_refused(s3: FakeS3) -> None:
    """A prefix with nothing below is no export; one above exports says which to give."""
    with pytest.raises(TableError, match=r"s3://backups/nothing is not there"):
        Reached(s3.url, "export:s3://backups/nothing").open()
    with pytest.raises(TableError, match=r"s3://backups/nightl is not there"):
        Reached(s3.url, "export:s3://backups/nightl").open()
    for above in ("nightly", "nightly/AWSDynamoDB", "nightly/AWSDynamoDB/"):
        with pytest.raises(ConfigError, match=rf"give {PLACE}$"):
            Reached(s3.url, f"export:s3://backups/{above}").open()


def test_other_settings_of_s3_hold(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL_S3 goes before the address that a flag gives, which is DynamoDB's where both are given."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    assert Reached("http://127.0.0.1:9").open().files
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert Reached(s3.url).open().files


def test_damaged_settings_are_an_error_of_the_configuration(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that botocore cannot use are told in a sentence."""
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "sometimes")
    with pytest.raises(ConfigError, match="the settings of AWS for S3 cannot be used"):
        Reached(s3.url)


def test_expired_credentials_are_renewed(s3: FakeS3) -> None:
    """Credentials that S3 calls expired are asked to be renewed where they can be, and refused where they cannot."""
    held = [Credentials("old", "s" * 40, "t", renewable=True), Credentials("new", "s" * 40, "t", True, number=1)]
    current = [held[0]]
    place = parse_place(PLACE)
    bucket = Bucket(
        S3Access(None, 0, s3.url), "backups", lambda: current[0], Retrying(3, 0.001), ask_renewal=lambda _: _renew()
    )

    def _renew() -> None:
        current[0] = held[1]

    s3.strike("list-type", reject(400, "ExpiredToken", "expired"))
    assert open_export(place, S3Storage(place, bucket)).files
    s3.strike("list-type", reject(400, "ExpiredToken", "expired"))
    with pytest.raises(TableError, match="ExpiredToken: expired"):
        Reached(s3.url).open()


def test_the_exports_of_moto_are_read(moto: Server) -> None:
    """What ExportTableToPointInTime of moto writes is read, from the folder of its data files."""
    name, bucket = unique("exported"), unique("bucket")
    create_table(moto, "us-east-1", name)
    items: list[Item] = [{"id": {"S": str(number)}, "n": {"NS": ["1", "2.50"]}} for number in range(50)]
    put_items(moto, "us-east-1", name, items)
    client = botocore.session.get_session().create_client("s3", "us-east-1", endpoint_url=moto.url)
    client.create_bucket(Bucket=bucket)
    call(
        moto,
        "us-east-1",
        "UpdateContinuousBackups",
        {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
    )
    arn = call(moto, "us-east-1", "DescribeTable", {"TableName": name})["Table"]["TableArn"]
    call(moto, "us-east-1", "ExportTableToPointInTime", {"TableArn": arn, "S3Bucket": bucket, "S3Prefix": "p"})
    with pytest.raises(ConfigError, match=rf"give (export:s3://{bucket}/p/AWSDynamoDB/[^/]*/data)$") as error:
        Reached(moto.url, f"export:s3://{bucket}/p").open()
    reached = Reached(moto.url, str(error.value).rpartition("give ")[2])
    assert by_id(reached.read(reached.open())) == by_id(items)


@pytest.mark.parametrize("make", [lambda: reject(403, "AccessDenied"), lambda: reject(403, "InvalidObjectState")])
def test_an_object_that_may_not_be_read_is_one_sentence(s3: FakeS3, make: Callable[[], Fault]) -> None:
    """A data file that is archived or denied fails once, with its address and what to do."""
    reached = Reached(s3.url)
    export = reached.open()
    s3.strike("/data/", make())
    with pytest.raises(FastsyncError, match=r"s3://.*/data/.*GetObject was rejected with \w+: no \(") as error:
        reached.read(export)
    assert error.value.exit_code == 4
