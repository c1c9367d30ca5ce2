"""Settings, CA bundles and credentials of AWS that are damaged: one sentence, 2 or 3, and no request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.functional.tables_behind_proxy import no_traceback
from tests.tables import Ran, run_fastsync

FLAGS = ("-m", "us-east-1:tab", "-s", "us-west-2:tab", "--max-retries", "0")
NO_BUNDLE: Mapping[str, str | None] = {"AWS_CA_BUNDLE": None, "REQUESTS_CA_BUNDLE": None}


def refused(ran: Ran, exit_code: int, *words: str) -> None:
    """Hold that a run ended in one sentence with these words."""
    assert (ran.exit_code, ran.stderr.count("\n")) == (exit_code, 1), ran.stderr
    for word in words:
        assert word in ran.stderr
    no_traceback(ran)


@pytest.mark.parametrize("setting", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle"])
@pytest.mark.parametrize("bundle", ["missing.pem", "folder", "garbage.pem", "empty.pem", ""])
def test_ca_bundles_that_cannot_be_used(tmp_path: Path, setting: str, bundle: str) -> None:
    """The file and the setting that names it are told; nothing is looked at where no address is https."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "garbage.pem").write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    (tmp_path / "empty.pem").touch()
    config = tmp_path / "config"
    config.write_text(f"[default]\nca_bundle = {bundle}\n" if setting == "ca_bundle" else "")
    env = {**NO_BUNDLE, "AWS_CONFIG_FILE": str(config)}
    if setting != "ca_bundle":
        env[setting] = bundle
    for flags in (("--endpoint-url", "https://localhost:1"), ("--slave-endpoint-url", "https://localhost:1")):
        first = () if flags[0] == "--endpoint-url" else ("--endpoint-url", "http://localhost:1")
        refused(run_fastsync(*FLAGS, *first, *flags, env=env, cwd=tmp_path), 2, setting, bundle)
    assert run_fastsync(*FLAGS, "--endpoint-url", "http://localhost:1", env=env, cwd=tmp_path).exit_code == 3


HELPERS = ("[1]", "null", '"x"', "5", "{}", "no JSON", "", '{"Version":1,"AccessKeyId":"A","SecretAccessKey":null}',
           '{"Version":1,"AccessKeyId":5,"SecretAccessKey":6}', '{"Version":1,"AccessKeyId":"","SecretAccessKey":""}',
           '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","Expiration":1900000000}',
           '{"Version":1,"AccessKeyId":"A\\r","SecretAccessKey":"s"}',
           '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"a\\u0001"}')  # fmt: skip


@pytest.mark.parametrize("printed", HELPERS)
def test_helpers_that_print_something_else(tmp_path: Path, printed: str) -> None:
    """credential_process may print anything."""
    (tmp_path / "printed").write_text(printed)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {tmp_path / 'printed'}\n")
    env = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
           "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}  # fmt: skip
    refused(run_fastsync(*FLAGS, "--endpoint-url", "http://localhost:1", env=env), 3, "credentials")


@pytest.mark.parametrize(
    "name", ["dynamodb = endpoint_url = http://localhost:1", "dynamodb =\nendpoint_url = http://h"]
)
def test_a_services_section_on_one_line(tmp_path: Path, name: str) -> None:
    """It is told how it has to be written."""
    (tmp_path / "config").write_text(f"[default]\nservices = mine\n[services mine]\n{name}\n")
    refused(run_fastsync(*FLAGS, env={"AWS_CONFIG_FILE": str(tmp_path / "config")}), 2, "mine", "indented")
