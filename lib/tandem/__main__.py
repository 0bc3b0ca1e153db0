"""`tandem`, as pip installs it, and `python -m tandem`: the driver, run by this Python."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from tandem.base.paths import ROOT


def main() -> NoReturn:
    """Become the driver; exit code 3: it is not there."""
    driver = ROOT / "driver.py"
    if not driver.is_file():
        message = f"there is no {driver}: Tandem works in its folder (pip install -e FOLDER)"
        print(f"tandem: error: {message}", file=sys.stderr)
        sys.exit(3)
    os.execv(sys.executable, [sys.executable, str(driver), *sys.argv[1:]])


if __name__ == "__main__":
    main()
