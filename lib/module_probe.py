"""Name the modules that a Python lacks; a training's own Python runs this, whichever it is.

Usage: PYTHON module_probe.py FOLDER MODULE ...

FOLDER is where its programs lie. Prints the missing ones, a line each. None is imported: PyTorch
alone would take seconds. Standard library only, any Python from 3.4 on.
"""

import os
import sys

if sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
    sys.path[0] = sys.argv[1]

import importlib.util

for name in sys.argv[2:]:
    if importlib.util.find_spec(name) is None:
        print(name)
