"""Failures that a log ends with, and what only looks like one; the device."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tandem.log import lines
from tandem.log.reader import LogReader
from tandem.log.rules import LogRules

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 4, in <module>
    print(f"epoch 9/9 accuracy: 0.99")
RuntimeError: device-side assert
"""
WORK = "epoch 1/5 accuracy: 0.11\nepoch 2/5 accuracy: 0.21\n"
PATTERNS = {"accuracy": r"accuracy: ([0-9.]+)"}

NONE: Mapping[str, str | None] = {}


def failure(text: str, more: Mapping[str, str | None] = NONE, size: int = 10**9) -> str | None:
    reader = LogReader(LogRules(PATTERNS, failure_patterns=more))
    data = text.encode()
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    found = reader.end()
    assert found.epochs.last == 2
    assert found.metrics == {"accuracy": 0.21}
    return found.failure.line if found.failure else None


@pytest.mark.parametrize(
    ("end", "line"),
    [
        (TRACEBACK, "RuntimeError: device-side assert"),
        (
            TRACEBACK.replace("\n", "\n[rank0]: ")
            .removesuffix("[rank0]: ")
            .replace("Trace", "[rank0]: Trace", 1),
            "[rank0]: RuntimeError: device-side assert",
        ),
        (f"{TRACEBACK}\nbye\n", "RuntimeError: device-side assert"),
        (
            f"{TRACEBACK}\nDuring handling of the above exception, another exception occurred:\n\n"
            "Traceback (most recent call last):\n  File x\nKeyError\n",
            "KeyError",
        ),
        (
            "Traceback (most recent call last):\n  File x",
            "Traceback (most recent call last):",
        ),
        ("Exception in thread Thread-1:\n" + TRACEBACK, "RuntimeError: device-side assert"),
        ("CUDA error: an illegal memory access\n", "CUDA error: an illegal memory access"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried\n", None),
        ("E cuda_driver.cc: CUDA_ERROR_ILLEGAL_ADDRESS: x\n", None),
        ("Killed\n", "Killed"),
        ("./train.sh: line 3:  1234 Killed                  python3 t.py -n 2\n", None),
        ("train.sh: line 3: 1234 Killed: 9  python3 t.py\n", None),
        ("[1]+  Killed                  python3 t.py\n", None),
        ("make: *** [Makefile:3: train] Killed\n", None),
        ("Segmentation fault\n", None),
        ("Segmentation fault (core dumped)\n", None),
        ("a.sh: line 1: 12 Segmentation fault      (core dumped) python3 t.py\n", None),
        (
            "Fatal Python error: Segmentation fault\n\nThread 0x1:\n",
            "Fatal Python error: Segmentation fault",
        ),
        ("t.sh: line 1:    12 Aborted                 (core dumped) ./a\n", None),
        ("Bus error (core dumped)\n", None),
    ],
)
def test_a_failure_behind_the_last_metric_and_epoch(end: str, line: str | None) -> None:
    assert failure(WORK + end) == (line or end.strip())
    assert failure(f"{end}\n{WORK}") is None
    assert failure(WORK + end, size=7) == failure(WORK + end)


@pytest.mark.parametrize(
    "end",
    [
        "",
        "Exception ignored in: <function Iter.__del__ at 0x7f>\n" + TRACEBACK,
        "Exception ignored in: <function Iter.__del__ at 0x7f>\n"
        + TRACEBACK
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + TRACEBACK.replace("device-side", "CUDA error:"),
        "Exception ignored while calling deallocator <f>:\n" + TRACEBACK,
        "Exception ignored on calling ctypes callback function: <f>\n" + TRACEBACK,
        "Error in atexit._run_exitfuncs:\n" + TRACEBACK,
        "--- Logging error ---\n" + TRACEBACK + "Call stack:\n  File x\nMessage: 'done %d'\n",
        "3 workers were Killed\n",
        "Killed 3 workers\n",
        "the kernel killed\n it\n",
        "no Segmentation fault was seen\n",
        "Aborted runs: 0\n",
        "UserWarning: CUDA error handling is off\n",
        "no CUDA error\n",
        "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected\n",
        "CUDA errors: 0\n",
    ],
)
def test_what_is_no_failure(end: str) -> None:
    assert failure(WORK + end) is None
    assert failure(WORK + end, size=7) is None


def test_a_failure_that_the_program_got_over() -> None:
    assert failure(f"epoch 1\n{TRACEBACK}epoch 2\naccuracy: 0.21\n{TRACEBACK}epoch 2\n") is None


def test_the_registry_adds_and_switches_off() -> None:
    assert failure(f"{WORK}Diverged at step 4\n", {"diverged": "^diverged"}) == "Diverged at step 4"
    assert failure(f"{WORK}has diverged\n", {"diverged": "^diverged"}) is None
    assert failure(WORK + TRACEBACK, {"traceback": None}) is None
    cuda = TRACEBACK.replace("device-side", "CUDA error:")
    assert failure(WORK + cuda, {"traceback": None}) == "RuntimeError: CUDA error: assert"
    assert (
        failure(f"{WORK}{cuda}Killed\n", dict.fromkeys(("traceback", "killed", "cuda_error")))
        is None
    )
    assert failure(WORK + TRACEBACK, {"traceback": "^MyError"}) is None
    assert failure(f"{WORK}MyError: 1\n", {"traceback": "^MyError"}) == "MyError: 1"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31 ERROR Traceback (most recent call last):\n  File x\n    {}\nKeyError: {}\n",
        "\u256d Traceback (most recent call last) \u2500\u256e\n\u2502 x.py:1 \u2502\n"
        "\u2502 {} \u2502\n\u2570\u2500\u256f\nKeyError: {}\n",
    ],
)
def test_no_line_of_a_traceback_is_a_metric_or_an_epoch(text: str) -> None:
    for said in ("accuracy: 0.99", "epoch = 3"):
        for size in (7, 10**9):
            assert failure(WORK + text.replace("{}", said), size=size) == f"KeyError: {said}"


def test_a_traceback_across_blocks() -> None:
    frames = '  File "x.py", line 1, in accuracy\n    accuracy: 0.99\n' * lines.CHUNK_BYTES
    text = f"{WORK}Traceback (most recent call last):\n{frames}RecursionError: too deep\n"
    assert failure(text, size=lines.CHUNK_BYTES) == "RecursionError: too deep"


@pytest.mark.parametrize(
    ("text", "device"),
    [
        (b"", None),
        (b"the device: cpu\nno device\nDevice:\n", None),
        (b"Device: cpu\nepoch 1\n", "cpu"),
        (b"Device: cpu\n  device:\tcuda:0 (NVIDIA H200) \r\nEpoch 1", "cuda:0 (NVIDIA H200)"),
        (b"50%\rDevice: \xff1\r60%", "\ufffd1"),
        (b"Device: " + b"x" * 9999, "x" * 200),
        (b"Device: cpu\n" + b"x\n" * 1024 * 1024 + b"\x1b[1mDevice:\x1b[0m cuda\n", "cuda"),
    ],
)
def test_the_device(text: bytes, device: str | None) -> None:
    reader = LogReader(LogRules({}))
    reader.feed(text)
    assert reader.end().device == device
