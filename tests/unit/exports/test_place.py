"""Places of exports, as people write them."""

from __future__ import annotations

import pytest

from fastsync.errors import ConfigError
from fastsync.exports.place import is_export, parse_place


@pytest.mark.parametrize(
    ("text", "bucket", "path"),
    [
        ("export:backup", None, "backup"),
        ("export:./a b/AWSDynamoDB/01", None, "./a b/AWSDynamoDB/01"),
        ("export:/srv/s3:/x", None, "/srv/s3:/x"),
        ("export:s3://backups/nightly/AWSDynamoDB/01", "backups", "nightly/AWSDynamoDB/01"),
        ("export:s3://backups/nightly/", "backups", "nightly"),
        ("export:s3://backups", "backups", ""),
        ("export:s3://backups/", "backups", ""),
        ("export:s3://old_Bucket.name/a//b", "old_Bucket.name", "a//b"),
    ],
)
def test_a_place_is_a_folder_or_a_prefix(text: str, bucket: str | None, path: str) -> None:
    """A place is parsed into bucket and path, and keeps the text that it was given as."""
    place = parse_place(text)
    assert (place.bucket, place.path, place.text, str(place)) == (bucket, path, text, text)
    assert is_export(text)


@pytest.mark.parametrize(
    "text",
    [
        *("us-east-1:orders", "backup", "", "Export:x", "export:", "export: ", "export:s3://", "export:s3:///x"),
        *("export:s3://b ad/x", "export:s3:/b/x", "export:https://b.s3.amazonaws.com/x", "export:file:///x"),
        "export:a\0b",
    ],
)
def test_what_is_no_place_is_refused_with_the_form(text: str) -> None:
    """Anything else is an error of the command line, in one line that shows the form."""
    with pytest.raises(ConfigError, match=r"export:FOLDER or export:s3://BUCKET/PREFIX") as error:
        parse_place(text)
    assert "\n" not in str(error.value)
