"""Keys that cannot be used to sign requests."""

from __future__ import annotations

import pytest

from fastsync.aws.auth.credentials import find_key_fault

CONTROLS = [chr(number) for number in (*range(1, 9), *range(11, 13), *range(14, 32), *range(0x7F, 0xA0))]
ODD: dict[object, str] = {
    5: "no text", None: "no text", ("a",): "no text", "": "empty", "a\n": "line break", "\ra": "line break",
    "a\r\nb": "line break", "a\udcff": "no UTF-8", **{f"a{each}": "control character" for each in CONTROLS},
}  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_keys_that_cannot_be_used(value: object) -> None:
    """What is no text, or would put control characters onto the wire, is refused without being repeated."""
    faults = {
        "access key": find_key_fault(value, "secret", None),
        "secret key": find_key_fault("AKID", value, None),
        "session token": None if value in ("", None) else find_key_fault("AKID", "secret", value),
    }
    for part, fault in faults.items():
        if part == "session token" and value in ("", None):
            continue
        assert fault is not None
        assert part in fault
        assert ODD[value] in fault
        assert str(value) not in fault or value in ("", None)


def test_keys_that_can_be_used() -> None:
    """Everything else is taken: a token holds any characters, a tab too, or is empty."""
    for token in (None, "", 'a+/="\\% &?;b', "a\tb", "é"):
        assert find_key_fault("AKID", "se/cr+et=", token) is None
