"""Print the words that start a command in a PID namespace of its own, one word a line.

Nothing is printed where there is no namespace; the reason is then on stderr.
"""

from __future__ import annotations

import sys

from tandem.processes.namespace import probe


def main() -> None:
    isolation = probe()
    if not isolation.command:
        print(f"bgrun: info: no PID namespace: {isolation.reason}", file=sys.stderr)
    for word in isolation.command:
        print(word)


if __name__ == "__main__":
    main()
