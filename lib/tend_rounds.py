"""Judge the ended rounds of a background, and remove old logs: tend_rounds.py LOGS KEPT [RULES].

LOGS is the folder of rounds.tsv and run_N.log. Of the logs the first stays, the newest, KEPT of
rounds that ended well, as many of the others, and whatever is not judged yet. RULES says how to
read a log: JSON with the fields of LogRules; without it there is no metric to be looked for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tandem.background.judging import complaint, judge
from tandem.background.logs import remove_old_logs
from tandem.log.rules import LogRules


def main() -> None:
    folder, kept, rules = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] or '{"patterns": {}}'
    try:
        found = judge(folder, LogRules(**json.loads(rules)))
        remove_old_logs(folder, kept)
    except OSError as error:
        sys.exit(f"bgrun: error: {error.filename or folder}: {error.strerror}")
    if text := complaint(found):
        print(f"bgrun: warning: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
