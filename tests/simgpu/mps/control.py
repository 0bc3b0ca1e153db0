"""`nvidia-cuda-mps-control`: its options, and the front end that speaks to the daemon."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Sequence

from mps.places import CONTROL, driver, pipe_folder

NO_DAEMON = "Cannot find MPS control daemon process"
USAGE = """usage: nvidia-cuda-mps-control [-d | -f | -v | -S | -multiuser]"""
STARTS = {"-d": "-d", "--daemon": "-d", "-f": "-f", "--foreground": "-f"}


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def answer_to(stream: socket.socket, command: str) -> str | None:
    """Return what the daemon answers; None where the connection broke."""
    answer = b""
    try:
        stream.sendall(command.encode() + b"\n")
        while not answer.endswith(b"\0"):
            part = stream.recv(4096)
            if not part:
                return None
            answer += part
    except OSError:
        return None
    return answer[:-1].decode()


def speak(commands: Iterable[str]) -> int:
    """Hand commands to the daemon and print its answers."""
    with socket.socket(socket.AF_UNIX) as stream:
        try:
            stream.connect(os.path.join(pipe_folder(), CONTROL))
        except OSError:
            say(NO_DAEMON + "\n")
            return 1
        if answer_to(stream, "UI") is None:
            return 1
        for command in commands:
            if not command.strip():
                continue
            answer = answer_to(stream, command.strip())
            if answer is None:
                return 1
            say(answer)
            if command.split()[0] == "quit" and not answer:
                return 0
    return 0


def main(words: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("nvidia-cuda-mps")  # the kernel has room for 15 letters
    start, others = "", list[str]()
    protocol = int(os.environ.get("CUDA_MPS_PROTOCOL_VERSION", "2")) if driver() >= 615 else 2
    left = iter(words)
    for word in left:
        if word in ("-v", "--version"):
            say("CUDA MPS Control binary version: 13010\n")
            return 0
        if word in STARTS:
            start = STARTS[word]
        elif driver() >= 615 and word in ("-p", "--protocol"):
            protocol = int(os.environ.get("CUDA_MPS_PROTOCOL_VERSION", next(left, "0")))
        elif driver() >= 615 and word in ("-q", "--quit"):
            return speak(["quit"])
        elif word.startswith("-") and word not in ("-S", "--static-partitioning", "-multiuser"):
            say(f"Unrecognized option: {word}\n{USAGE}\n")
            return 1
        else:
            others.append(word)
    if start:
        from mps.daemon import serve

        return serve(start == "-d", protocol)
    if others:
        return speak([" ".join(others)])
    return speak(sys.stdin)
