"""What is not safe on a cluster is refused before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastsync import ConfigError, __version__
from fastsync.model.settings import Repairing
from fastsync.workers.spark.cluster import open_cluster
from tests.functional.tables_behind_proxy import World, item
from tests.spark.runs import on_spark


@pytest.fixture
def made(make_world: Callable[..., World]) -> World:
    """Tables that differ."""
    return make_world([item("a"), item("b")], [item("a")])


def test_speculation(context: Any, made: World, tmp_path: Path) -> None:
    """A run that writes is refused in a context with speculative execution; one that only reads is not."""
    context._conf.set("spark.speculation", "true")
    try:
        with pytest.raises(ConfigError, match=r"spark\.speculation"):
            on_spark(made, tmp_path / "report", write_missing=True)
        assert on_spark(made, tmp_path / "report").exit_code == 1
    finally:
        context._conf.set("spark.speculation", "false")
    assert made.slave.all() == [item("a")]


def test_undo_log(context: Any, made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An undo log is refused where executors may be on other machines, and kept where they are not."""
    log = tmp_path / "undo.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(context, "master", "spark://elsewhere:7077")
        with pytest.raises(ConfigError, match="--undo-log"):
            on_spark(made, tmp_path / "report", write_missing=True, undo_log=str(log))
    assert not log.exists()
    assert on_spark(made, tmp_path / "report", write_missing=True, undo_log=str(log)).exit_code == 0
    assert len(log.read_text().splitlines()) == 1


def test_folder_of_the_report(context: Any, made: World, tmp_path: Path) -> None:
    """A folder that holds anything is not written into, nor is what is no folder, or on no file system."""
    (tmp_path / "mine").write_text("x")
    for path in (tmp_path, tmp_path / "mine", Path("nosuch:/place")):
        with pytest.raises(ConfigError, match="--report"):
            on_spark(made, path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_another_version(context: Any) -> None:
    """Executors that have loaded another version of fastsync are refused, those with the same are not."""
    with open_cluster(Repairing(), __version__) as cluster:
        cluster.check_version()
    with open_cluster(Repairing(), "0.0.1") as cluster, pytest.raises(ConfigError, match=r"here it is 0\.0\.1"):
        cluster.check_version()


def test_listeners(made: World) -> None:
    """Listeners would hear nothing, so they are refused."""
    from fastsync import Synchronizer  # noqa: PLC0415

    with pytest.raises(ConfigError, match="listeners"):
        Synchronizer(str(made.master), str(made.slave), executor="spark", listeners=[print])
