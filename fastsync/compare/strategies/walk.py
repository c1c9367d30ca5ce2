"""Match two pages in order, as long as both return the same items in the same order.

Where the bytes of items agree nothing else is looked at, not even their keys: 0.1 µs a pair, where meeting by key in
dictionaries costs 1.5 µs. Where they do not, keys tell whether the items are partners, and how many others one of the
tables has in between. What is passed over is alone until it meets by its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Raw

from fastsync.model.keys import Key
from fastsync.model.page import Page

NEAR = 16
"""Places in which the next partners are looked for, one key after the other."""
FAR = 8
"""How often in one walk they are looked for in all that is left of both pages: some 0.5 ms each time."""
SINGLY = 32
"""Items with other bytes after which all keys of both pages are read at once, and stand for the items."""
FIRST_STEP, LAST_STEP = 16, 1024
"""Items that are compared at once: more each time, since where one pair agrees the next ones mostly do."""


class Unmatched:
    """What of a page has met no partner on one other table.

    From `start` on, `left` items were not looked at yet; `alone` are those that were passed over, and `doubles` those
    of them whose key has come before, which no service should send. `grown` says that something has come to `alone`
    since this was last set to False.
    """

    def __init__(self, page: Page):
        self.page = page
        self.start = 0
        self.left = len(page.items)
        self.skipped: dict[Key, Raw] = {}
        self.repeated: list[tuple[Key, Raw]] = []
        self.changed = False

    @property
    def any_left(self) -> bool:
        """Return whether any item has met no partner."""
        return self.left > 0 or bool(self.skipped)

    def key_at(self, ahead: int = 0) -> Key:
        """Return the key of an item that was not looked at yet."""
        return self.page.key_at(self.start + ahead)

    def take_next(self, count: int) -> Sequence[Raw]:
        """Return the next items, which have met."""
        self.start += count
        self.left -= count
        return self.page.items[self.start - count : self.start]

    def skip(self, count: int) -> None:
        """Take the next items for alone."""
        keys = [self.key_at(ahead) for ahead in range(count)]
        for key, item in zip(keys, self.take_next(count), strict=True):
            if key in self.skipped:
                self.repeated.append((key, item))
            else:
                self.skipped[key] = item
        self.changed = self.changed or count > 0

    def skip_rest(self) -> Mapping[Key, Raw]:
        """Take all that was not looked at yet for alone too, and give everything that is."""
        self.skip(self.left)
        return self.skipped


def match_in_order(mine: Unmatched, its: Unmatched) -> tuple[Sequence[Raw], Sequence[Raw]]:
    """Return the items that meet, in step, until nothing of one of the pages is left.

    Where the pages do not agree about what comes next, all that is left of both is alone.
    """
    masters: list[Raw] = []
    slaves: list[Raw] = []
    unequal = searches = 0
    while mine.left and its.left:
        if (count := _count_equal(mine, its)) == 0:
            unequal += 1
            if unequal == SINGLY:
                _ = mine.page.keys, its.page.keys  # they are read by that
            count = int(mine.key_at() == its.key_at())
        if count:
            masters += mine.take_next(count)
            slaves += its.take_next(count)
        elif not _skip_to_match(mine, its, NEAR):
            searches += 1
            if searches > FAR or not _skip_to_match(mine, its, max(mine.left, its.left)):
                mine.skip_rest()
                its.skip_rest()
    return masters, slaves


def _count_equal(mine: Unmatched, its: Unmatched) -> int:
    """Count the next items that agree in both pages: in their bytes, or in their keys where all of these were read."""
    by_key = mine.page.keys_read and its.page.keys_read
    ours, theirs = (mine.page.keys, its.page.keys) if by_key else (mine.page.items, its.page.items)
    first, second, most = mine.start, its.start, min(mine.left, its.left)
    done, step = 0, FIRST_STEP
    while done < most and ours[first + done] == theirs[second + done]:
        step = min(step, most - done)
        one, other = ours[first + done : first + done + step], theirs[second + done : second + done + step]
        if one != other:
            return done + next(place for place, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
        done += step
        step = min(4 * step, LAST_STEP)
    return done


def _skip_to_match(mine: Unmatched, its: Unmatched, reach: int) -> bool:
    """Pass over what comes before the next partners, where there are any within reach."""
    places = {its.key_at(place): place for place in reversed(range(min(reach, its.left)))}
    for place in range(min(reach, mine.left)):
        if (other := places.get(mine.key_at(place))) is not None:
            mine.skip(place)
            its.skip(other)
            return True
    return False
