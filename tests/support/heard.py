"""A family of processes that write which signals they hear: heard.py MARKER.

They are `batch` (the first one), `child`, `session` (a child in a session of its own), its child
`below`, and `daemon`, which nobody of them is the parent of. Each writes "NAME is there" first.
"""

import os
import signal

NAMES = ("batch", "child", "session", "below", "daemon")
HEARD = {signal.SIGTERM, signal.SIGUSR1, signal.SIGCONT, signal.SIGINT}


def listen(name: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    heard = "is there"
    while True:
        os.write(1, f"{name} {heard}\n".encode())
        heard = signal.Signals(signal.sigwait(HEARD)).name


def main() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            listen("daemon")
        os._exit(0)
    os.wait()
    if os.fork() == 0:
        listen("child")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            listen("below")
        listen("session")
    listen("batch")


if __name__ == "__main__":
    main()
