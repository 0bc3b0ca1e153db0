"""The adapters hand a limit of the GPU's memory to PyTorch, here a small module of its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

SEEDED = ROOT / "adapters" / "seeded.py"
TORCH = """
class cuda:
    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 2)
    set_per_process_memory_fraction = staticmethod(lambda *given: print("limit", *given))

def manual_seed(seed):
    print("seed", seed)
"""


@pytest.mark.parametrize(
    ("seed", "share", "said"),
    [
        ("-", "0.25", ["limit 0.25 0", "limit 0.25 1"]),
        ("3", "0.25", ["seed 3", "limit 0.25 0", "limit 0.25 1"]),
        ("3", None, ["seed 3"]),
        ("-", None, []),
    ],
)
def test_pytorch_is_told(seed: str, share: str | None, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(TORCH)
    (tmp_path / "train.py").write_text("import sys; print('trains', *sys.argv[1:])")
    limit = {} if share is None else {"TANDEM_GPU_MEMORY_FRACTION": share}
    run = subprocess.run(
        [sys.executable, str(SEEDED), seed, str(tmp_path / "train.py"), "--lr", "1"],
        env={**os.environ, **limit},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == [*said, "trains --lr 1"]
