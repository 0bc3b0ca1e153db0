"""What bin/energy runs: prints any window again. Arguments: FOLDER FROM TO JSON; "" for none."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tandem.base.errors import TandemError, UsageError
from tandem.base.text import quote
from tandem.measure.windows.lookup import facts_of, monitor_folders
from tandem.report.window import text_of_window


def main(arguments: Sequence[str]) -> int:
    path, from_text, to_text, as_json = arguments
    try:
        folders = monitor_folders(Path(path))
        is_run = folders[0] not in (Path(path), Path(path) / "energy")
        found = facts_of(folders, from_text, to_text, is_run=is_run)
        if not found:
            raise UsageError(f"{quote(path)} holds no samples of that time")
        if as_json:
            print(json.dumps(found if is_run else next(iter(found.values())), indent=2))
        else:
            print("\n\n".join(text_of_window(name, facts) for name, facts in found.items()))
        sys.stdout.flush()
    except TandemError as error:
        print(f"energy: error: {error}", file=sys.stderr)
        return error.exit_code
    except (OSError, ValueError) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # stdout may be what failed
        print(f"energy: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
