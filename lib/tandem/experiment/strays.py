"""Who has outlived the keepers of an experiment: found, ended, and told of."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from tandem.experiment.seen import Seen
from tandem.processes import census
from tandem.processes.proc import alive, children
from tandem.processes.tree import kill_children


def has_strays(cookie: str, known: Collection[int]) -> bool:
    """Whether somebody has outlived a keeper, so that the machine is not idle yet.

    `known` are children of this process that are to be there.
    """
    orphans = [pid for pid in children(os.getpid()) if pid not in known and alive(pid)]
    return bool(orphans or census.below(cookie))


def remove_strays(cookie: str, seen: Seen, say: Callable[[str], None]) -> None:
    """End whoever is left of an experiment, and note and say who that was.

    Whoever lost its keeper has become our child; whoever did not, carries the cookie.
    """
    orphans, orphans_left = kill_children()
    marked, marked_left = census.remove_all(cookie)
    seen.strays = [census.Found(*each) for each in orphans.items()] + marked
    seen.left = [census.Found(*each) for each in orphans_left.items()] + marked_left
    for found in seen.strays:
        say(f"process {found.pid} ({found.name}) had outlived its keeper and was killed")
    for found in seen.left:
        say(f"process {found.pid} ({found.name}) cannot be ended")
