#!/usr/bin/env python3
"""Puts back the power limit and clocks of boards when the run that set them is killed.

usage: hold_clocks.py OWNER UUID...

A run starts it, and ends it; docs/measuring.md says why.
"""

from __future__ import annotations

import sys

from tandem.machine.clocks.holder import hold_until_gone


def main() -> None:
    owner, *uuids = sys.argv[1:]
    hold_until_gone(int(owner), uuids)


if __name__ == "__main__":
    main()
