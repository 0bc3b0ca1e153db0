"""Fold the old rounds of a rounds.tsv: fold_rounds.py FILE KEEP; the newest KEEP stay."""

from __future__ import annotations

import sys
from pathlib import Path

from tandem.background.folding import fold
from tandem.background.rounds import lines, read_rounds
from tandem.base.files import temporary_name


def main() -> None:
    path, keep = Path(sys.argv[1]), int(sys.argv[2])
    temporary = Path(temporary_name(str(path)))
    try:
        temporary.write_text("".join(map(lines, fold(read_rounds(path), keep))))
        temporary.rename(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        sys.exit(f"fold_rounds: error: {path}: {error.strerror}")


if __name__ == "__main__":
    main()
