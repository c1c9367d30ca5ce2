"""Addresses, regions and signatures, held against the requests that a client of botocore prepares."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from urllib3.util.url import _encode_target

from fastsync.aws.auth.credentials import Credentials
from fastsync.aws.auth.endpoints import find_endpoint
from fastsync.aws.auth.signing import Signer
from fastsync.aws.network.target import make_target
from fastsync.errors import ConfigError, TableError
from fastsync.model.addresses import Proxy, parse_proxy
from fastsync.model.table import TableRef

ADDRESSES = (
    "http://h", "http://h/", "http://h:80", "http://h:8080", "https://h:443/", "https://h:80", "http://h:443",
    "HTTP://H.Example:8000/Ddb", "http://h.", "http://127.0.0.1:8000", "http://0x7f.1:8000",
    "http://[::1]:8000", "http://[::1]", "https://[fe80::1]:443/x", "http://[::FFFF:1.2.3.4]/",
    "http://h/ddb", "http://h/ddb/", "http://h//ddb//x", "http://h/restapis/~x/_user_request_/", "http://h/a b/",
    "http://h/a%20b/", "http://h/a%2fb", "http://h/%zz", "http://h/100%", "http://h/a+b", "http://h/a:b@c", "http://h/é",
    "http://h/%C3%A9", "http://h/a/../b", "http://h/a/./b/", "http://h/..", "http://h/a/..", "http://h/.", "http://h/*'()!",
    'http://h/"<>^`{|}', "http://h/a&b=c,d$", "http://h?x=1", "http://h/?x=1", "http://h/p?x", "http://h/p?x=",
    "http://h/p?b=2&a=1&a=0&aa", "http://h/p?x=é y", "http://h/p?x=%2f/", "http://h/p?a=%", "http://h/p?a=b=c&&d",
    "http://h/p??a", "http://h/?", "http://h/p#f", "http://h/p?x=1#f",
)  # fmt: skip


@cache
def session() -> Session:
    """Return one session for all tests, since it reads the service's model only once."""
    return Session()


class Empty:
    """The body of an answer."""

    def stream(self) -> list[bytes]:
        return [b"{}"]


def prepared(url: str | None, region: str = "us-east-1", table: str = "t", **more: Any) -> Any:
    """Return the request that botocore would send."""
    given = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret", **more}
    client = session().create_client("dynamodb", region, endpoint_url=url, **given)
    requests: list[Any] = []

    def answer(request: Any, **_: object) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 200, {}, Empty())

    client.meta.events.register("before-send.dynamodb", answer)
    client.describe_table(TableName=table)
    return requests[0]


def signature(request: Any) -> str:
    """Return the whole header with the signature of a prepared request."""
    return str(request.headers["Authorization"].decode())


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize("token", [None, "a/token+="])
def test_requests_are_signed_and_sent_as_by_botocore(url: str, token: str | None) -> None:
    """For every address, signature and request line are those of botocore's own request."""
    theirs = prepared(url, aws_session_token=token)
    then = time.strptime(theirs.headers["X-Amz-Date"].decode(), "%Y%m%dT%H%M%SZ")
    target = make_target(url)
    keys = Credentials("AKID", "secret", token)
    body = theirs.body
    ours = Signer(target, "us-east-1").sign("DynamoDB_20120810.DescribeTable", body, keys, calendar.timegm(then))
    assert ours["authorization"] == signature(theirs)
    assert target.line == _encode_target(URLLib3Session()._get_request_target(theirs.url, None))


REGIONS = ("us-east-1", "fips-us-east-1", "us-east-1-fips", "us-gov-west-1", "fips-us-gov-west-1", "cn-north-1",
           "local", "aws-global", "eu-isoe-west-1", "xx-nowhere-1", "US-EAST-1")  # fmt: skip
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "no account": {"AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"},
    "variable": {"AWS_ENDPOINT_URL": "http://h:8000/p"},
    "variable of the service": {"AWS_ENDPOINT_URL": "http://h", "AWS_ENDPOINT_URL_DYNAMODB": "https://i/?x=1"},
}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("account", [None, "111122223333"])
@pytest.mark.parametrize("table", ["t", "arn:aws:dynamodb:{region}:444455556666:table/t"])
def test_tables_are_reached_as_by_botocore(
    region: str, settings: str, account: str | None, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address and signed region are botocore's, with pseudo-regions, settings and addresses of one's own account."""
    for name, value in SETTINGS[settings].items():
        monkeypatch.setenv(name, value)
    name = table.format(region=region)
    more = {} if account is None else {"aws_account_id": account}
    ref = TableRef(name, region, name)
    try:
        theirs = prepared(None, region, name, **more)
    except BotoCoreError as refusal:
        with pytest.raises(ConfigError, match=re.escape(str(refusal))):
            find_endpoint(session(), ref, account)
        return
    endpoint = find_endpoint(session(), ref, account)
    assert endpoint.url == theirs.url
    assert endpoint.signed_region == signature(theirs).split("/")[2]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("settings", ["none", "FIPS"])
def test_regions_with_an_address_of_ones_own(region: str, settings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --endpoint-url the signed region is botocore's, too, and the address is taken as it is given."""
    for name, value in SETTINGS[settings].items():
        monkeypatch.setenv(name, value)
    ref = TableRef("t", region, "t", "http://under_score:8000/x")
    endpoint = find_endpoint(session(), ref, None)
    monkeypatch.delenv("AWS_USE_FIPS_ENDPOINT", raising=False)  # botocore refuses it with an address of one's own
    assert endpoint.url == "http://under_score:8000/x"
    assert endpoint.signed_region == signature(prepared("http://h", region)).split("/")[2]


DAMAGED: Mapping[str, tuple[str, str]] = {
    "AWS_MAX_ATTEMPTS": ("x", "AWS_MAX_ATTEMPTS"),
    "AWS_RETRY_MODE": ("bogus", "bogus"),
    "AWS_DEFAULTS_MODE": ("bogus", "bogus"),
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": ("bogus", "bogus"),
    "AWS_REQUEST_CHECKSUM_CALCULATION": ("bogus", "bogus"),
    "AWS_USE_FIPS_ENDPOINT": ("", ""),
}


@pytest.mark.parametrize("address", [None, "http://h:8000"])
@pytest.mark.parametrize("name", DAMAGED)
def test_settings_that_botocore_refuses(name: str, address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What botocore refuses is refused in its words, and not as a wrong region."""
    value, words = DAMAGED[name]
    monkeypatch.setenv(name, value)
    ref = TableRef("us-east-1:t", "us-east-1", "t", address)
    try:
        prepared(address)
    except Exception:
        with pytest.raises(ConfigError, match=words) as error:
            find_endpoint(session(), ref, None)
        assert "no endpoint is known" not in str(error.value)
    else:
        find_endpoint(session(), ref, None)


def test_a_region_that_is_none() -> None:
    """A region that botocore does not take is told as such."""
    with pytest.raises(TableError, match="no endpoint is known for region us_east"):
        find_endpoint(session(), TableRef("t", "us_east", "t"), None)


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        ("//h:3128", Proxy("http", "h", 3128)), ("h", Proxy("http", "h", 80)), ("h:1/", Proxy("http", "h", 1)),
        ("https://h", Proxy("https", "h", 443)), ("https://u:p@h:8", Proxy("https", "h", 8, "u:p")),
        ("//u:p%2F@[::1]:8", Proxy("http", "::1", 8, "u:p/")), ("http://[::1]", Proxy("http", "::1", 80)),
        ("HTTP://h:1", Proxy("http", "h", 1)),
    ],
)  # fmt: skip
def test_addresses_of_proxies(address: str, parsed: Proxy) -> None:
    """Every form that botocore takes."""
    assert parse_proxy(address) == parsed


@pytest.mark.parametrize("address", ["socks5h://h:1", "socks5://u:secret@h", "ftp://h", "//", "http://", "http://h:x"])
def test_addresses_that_are_of_no_proxy(address: str) -> None:
    """Others are refused without being repeated."""
    with pytest.raises(ValueError, match="prox") as error:
        parse_proxy(address)
    assert "secret" not in str(error.value)
