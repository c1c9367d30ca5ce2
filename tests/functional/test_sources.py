"""Credentials that nobody types: web identity, containers, instances, SSO, as botocore finds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.functional import faults
from tests.functional.conftest import MakeWorld
from tests.functional.keyserver import SECRET, TOKEN, KeyServer
from tests.functional.processes import running, wait_for
from tests.functional.proxy import Request
from tests.functional.sts import Asked, Sts
from tests.functional.tables_behind_proxy import World, item, no_traceback
from tests.servers import Server
from tests.tables import Ran

Env = Mapping[str, str | None]
ITEMS = [item(f"{n:02}", n=n) for n in range(16)]
FLAGS = ("--scan-limit", "2", "--parallel", "2", "--segments", "4")
NO_KEYS: Env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
ROLE = "arn:aws:iam::111111111111:role/sync"
SHORT = 100
"""Seconds of a session that has to be renewed at once, and can be used until then."""


@pytest.fixture
def made(make_world: MakeWorld) -> World:
    """Tables that differ."""
    return make_world(ITEMS, [])


def short(count: int) -> Callable[[int], float]:
    """Let the first so many keys end soon."""
    return lambda number: SHORT if number <= count else 3600


def hold(made: World, renewed: Callable[[], bool]) -> None:
    """Hold the first look-up back until keys have been renewed."""
    made.proxy.add(faults.before(lambda: wait_for(renewed, 30)), "BatchGetItem", nth=[1])


def run(made: World, env: Env) -> Ran:
    """Compare in two workers, with credentials from this environment only."""
    return safe(made.run(*FLAGS, env={**NO_KEYS, **env}))


def safe(ran: Ran) -> Ran:
    """Hold that no secret was told."""
    for secret in (SECRET, TOKEN, "hidden"):
        assert secret not in ran.stderr
    no_traceback(ran)
    return ran


def signed_with(made: World) -> list[str]:
    """Give the access keys of requests in the order of their first use."""
    return list(dict.fromkeys(map(_key, made.proxy.requests)))


def _key(request: Request) -> str:
    return request.headers["authorization"].partition("Credential=")[2].partition("/")[0]


def compared(ran: Ran) -> None:
    """Hold that the run found what there is to be found."""
    assert (ran.exit_code, ran.stats["errors"]) == (1, []), ran.stderr
    assert [slave["missing"] for slave in ran.stats["slaves"].values()] == [len(ITEMS)]


def test_web_identity(made: World, moto: Server, tmp_path: Path) -> None:
    """A token file and a role are exchanged once for all workers; a renewal reads the token that is there by then."""
    token = tmp_path / "token"
    token.write_text("hidden1")

    def rotate(number: int, _: Asked) -> None:
        token.write_text(f"hidden{number + 1}")

    with Sts(moto.url, lasting=short(1), refuses=rotate) as sts:
        env = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE, "AWS_ROLE_SESSION_NAME": "night"}
        hold(made, lambda: len(sts.asked) == 2)
        ran = run(made, {**env, "AWS_ENDPOINT_URL_STS": sts.url})
        asked = [(each["Action"], each["RoleArn"], each["WebIdentityToken"]) for each in sts.asked]
    compared(ran)
    assert asked == [("AssumeRoleWithWebIdentity", ROLE, f"hidden{number}") for number in (1, 2)]
    assert len(signed_with(made)) == 2


def test_a_container(made: World, tmp_path: Path) -> None:
    """What a container is given is fetched once for all workers, and again before it ends.

    botocore throws the first keys away unused where they end so soon, and asks for others.
    """
    token = tmp_path / "token"
    token.write_text("hidden")
    with KeyServer(short(2)) as keys:
        uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{keys.url}/container"}
        hold(made, lambda: len(keys.asked) == 3)
        compared(run(made, {**uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}))
        assert [headers["authorization"] for headers in keys.of("container")] == ["hidden"] * 3
    assert signed_with(made) == ["AKIA2", "AKIA3"]
    assert all(request.headers["x-amz-security-token"] == TOKEN for request in made.proxy.requests)


def test_an_instance(made: World) -> None:
    """The role of an instance is fetched once, whatever the number of workers and tables."""
    with KeyServer() as keys:
        env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": keys.url, "AWS_EC2_METADATA_DISABLED": None}
        compared(run(made, env))
        assert [what for what, _ in keys.asked] == ["instance token", "instance role", "instance"]
    assert signed_with(made) == ["AKIA1"]


def test_sso(made: World, tmp_path: Path) -> None:
    """Who is logged in by SSO gives a profile; its keys are fetched once for all workers, and again before they end."""
    with KeyServer(short(1)) as keys:
        hold(made, lambda: len(keys.asked) == 2)
        compared(_run_sso(made, _sso(tmp_path, keys, timedelta(hours=1))))
        assert [headers["x-amz-sso_bearer_token"] for headers in keys.of("sso")] == ["hidden"] * 2
    assert signed_with(made) == ["AKIA1", "AKIA2"]


def test_sso_that_has_ended(made: World, tmp_path: Path) -> None:
    """Where the login has ended nothing is compared, and it is told what to type."""
    with KeyServer() as keys:
        ran = _run_sso(made, _sso(tmp_path, keys, -timedelta(hours=1)))
        assert keys.asked == []
    assert (ran.exit_code, "aws sso login" in ran.stderr) == (3, True), ran.stderr
    assert made.proxy.requests == []


def _run_sso(made: World, env: Mapping[str, str]) -> Ran:
    """Run a process of its own, since botocore looks where the home is only once."""
    with running(made, *FLAGS, "--profile", "sso", env=env) as run_by_hand:
        return safe(run_by_hand.ended(60))


def _sso(home: Path, keys: KeyServer, left: timedelta) -> Mapping[str, str]:
    """Write what `aws configure sso` and `aws sso login` leave behind."""
    config = home / "config"
    config.write_text(
        "[profile sso]\nsso_session = work\nsso_account_id = 111111111111\nsso_role_name = sync\n"
        "[sso-session work]\nsso_region = us-east-1\nsso_start_url = https://work.example/start\n"
        "sso_registration_scopes = sso:account:access\n"
    )
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    ends = datetime.now(timezone.utc) + left
    token = {"startUrl": "https://work.example/start", "region": "us-east-1", "accessToken": "hidden"}
    (cache / f"{hashlib.sha1(b'work').hexdigest()}.json").write_text(
        json.dumps({**token, "expiresAt": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
    )
    return {"HOME": str(home), "AWS_CONFIG_FILE": str(config), "AWS_ENDPOINT_URL_SSO": keys.url}
