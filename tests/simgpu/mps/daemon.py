"""The control daemon: it starts servers, hands clients over to them, and answers commands."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from mps.control import NO_DAEMON, say
from mps.places import (
    CONTROL,
    LOCK,
    PID,
    Log,
    fault_seconds,
    faults,
    log_folder,
    pipe_folder,
    wait_for_ever,
)

SERVER = "nvidia-cuda-mps-server"
PS = "PID       ID    SERVER   DEVICE             NAMESPACE      COMMAND"


class Server:
    """A server as its daemon knows it."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid, self.channel = pid, channel
        self.status, self.clients = "INITIALIZING", dict[str, dict[str, Any]]()
        self.pending: list[tuple[socket.socket, str]] = []
        self.percent = 0.0
        self.ends = False

    def tell(self, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
        with contextlib.suppress(OSError):  # it is ending: its channel says so
            socket.send_fds(self.channel, [json.dumps(message).encode()], list(files))


class Daemon:
    """What the daemon knows, and its answers to commands."""

    def __init__(self, listener: socket.socket, log: Log, protocol: int) -> None:
        self.log, self.protocol = log, protocol
        self.servers: dict[int, Server] = {}
        self.percent = float(os.environ.get("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "100"))
        self.limits: dict[str, str] = {}
        self.waiting: list[tuple[socket.socket, str]] = []  # for the answer of a server
        self.quitting: list[socket.socket] = []
        self.force_at_s: float | None = None
        self.selector = selectors.DefaultSelector()
        self.listener = listener
        self.selector.register(listener, selectors.EVENT_READ, self.accept)

    def run(self) -> None:
        """Serve until it has quit."""
        while not (self.quitting and not self.servers):
            for key, _ in self.selector.select(0.05 if self.quitting else None):
                key.data()
            if self.quitting:
                self.end_servers()

    # ---- connections ----

    def accept(self) -> None:
        stream, _ = self.listener.accept()
        self.log.write("Accepting connection...")
        self.watch(stream, lambda: self.greet(stream))

    def watch(self, stream: socket.socket, then: Callable[[], None]) -> None:
        with contextlib.suppress(KeyError):
            self.selector.unregister(stream)
        self.selector.register(stream, selectors.EVENT_READ, then)

    def read(self, stream: socket.socket) -> str:
        """Return the next line; none, and the stream is closed, where there is no more."""
        try:
            text = stream.recv(4096).decode()
        except OSError:
            text = ""
        if not text:
            self.selector.unregister(stream)
            stream.close()
        return text.strip()

    def greet(self, stream: socket.socket) -> None:
        if "deaf" in faults():
            self.selector.unregister(stream)
            self.waiting.append((stream, "nobody answers"))
            return
        line = self.read(stream)
        if line == "UI":
            self.log.write("NEW UI")
            self.watch(stream, lambda: self.command(stream))
            self.answer(stream, "")
        elif line.startswith("CLIENT "):
            self.selector.unregister(stream)
            self.new_client(stream, line)
        else:
            self.log.write("User did not send valid credentials")

    def answer(self, stream: socket.socket, text: str) -> None:
        with contextlib.suppress(OSError):
            stream.sendall((f"{text}\n" if text else "").encode() + b"\0")

    # ---- clients and servers ----

    def new_client(self, stream: socket.socket, line: str) -> None:
        pid, uid, _ = struct.unpack(
            "3i", stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        )
        if self.quitting:
            stream.close()
            return
        servers = [server for server in self.servers.values() if not server.ends]
        server = servers[0] if servers else self.start_server(uid)
        if server.status == "INITIALIZING":
            text = "Server is not ready, push client to pending list"
            self.log.write(f"NEW CLIENT {pid} from user {uid}: {text}")
            server.pending.append((stream, line))
            return
        self.log.write(f"NEW CLIENT {pid} from user {uid}: Server already exists")
        self.hand_over(server, stream, line)

    def hand_over(self, server: Server, stream: socket.socket, line: str) -> None:
        asked = json.loads(line.partition(" ")[2])
        server.tell({"client": asked}, (stream.fileno(),))
        stream.close()

    def start_server(self, uid: int) -> Server:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.set_inheritable(theirs.fileno(), True)
        pid = os.fork()
        if not pid:
            os.setsid()
            self.log.write(f"Starting new server {os.getpid()} for user {uid}")
            os.environ["SIMGPU_MPS_CHANNEL"] = str(theirs.fileno())
            with contextlib.suppress(OSError):
                os.execvp(SERVER, [SERVER])
            self.log.write(f"Failed to start {SERVER}")
            os._exit(1)
        theirs.close()
        server = self.servers[pid] = Server(pid, ours)
        server.percent = self.percent
        server.tell({"percent": self.percent, "limits": self.limits})
        self.watch(ours, lambda: self.hear(server))
        return server

    def hear(self, server: Server) -> None:
        """Take a message of a server, or its end."""
        try:
            message = json.loads(server.channel.recv(65536) or b"{}")
        except OSError:
            message = {}
        if not message:
            self.lose(server)
            return
        if server.status == "INITIALIZING":
            self.log.write(f"NEW SERVER {server.pid}: Ready")
        server.status, server.clients = message["status"], message["clients"]
        for stream, line in server.pending:
            self.hand_over(server, stream, line)
        server.pending = []
        if "started" in message:
            self.settle(f"server {server.pid}", "")
        if "terminated" in message:
            self.settle(f"client {message['terminated']}", message["result"])

    def lose(self, server: Server) -> None:
        self.selector.unregister(server.channel)
        server.channel.close()
        _, status = os.waitpid(server.pid, 0)
        self.log.write(f"Server {server.pid} exited with status {status}")
        del self.servers[server.pid]
        for stream, _ in server.pending:
            stream.close()
        self.settle(f"server {server.pid}", "Failed to start an MPS server")
        for pid in server.clients:
            self.settle(f"client {pid}", "CUDA_ERROR_MPS_RPC_FAILURE")

    def settle(self, event: str, text: str) -> None:
        """Answer those who wait for something."""
        for stream, awaited in [each for each in self.waiting if each[1] == event]:
            self.answer(stream, text)
            self.waiting.remove((stream, awaited))

    def end_servers(self) -> None:
        """On the way out: end servers without clients, and at the time limit the others."""
        now_s = time.monotonic()
        for server in list(self.servers.values()):
            if not (server.clients or server.pending or server.ends):
                server.ends = True
                server.tell({"exit": True})
            elif self.force_at_s is not None and now_s >= self.force_at_s:
                os.kill(server.pid, signal.SIGKILL)

    # ---- commands ----

    def command(self, stream: socket.socket) -> None:
        line = self.read(stream)
        if not line:
            self.log.write("UI closed")
            return
        if "deaf" in faults():
            return
        self.log.write(f"Cmd:{line}")
        name, *words = line.split()
        known = getattr(self, f"do_{name}", None)
        if self.protocol == 3 and name != "quit":
            self.answer(stream, f"error: unknown module: {name}")
        elif known is None:
            self.answer(stream, f"Unrecognized command {name}")
        else:
            try:
                text = known(stream, *words)
            except (TypeError, ValueError, KeyError):
                text = f"Invalid command: {line}"
            if text is not None:
                self.log.write(text or "")
                self.answer(stream, text)

    def do_get_server_list(self, _: socket.socket) -> str:
        return "\n".join(
            str(pid) for pid, it in self.servers.items() if it.status != "INITIALIZING"
        )

    def do_get_server_status(self, _: socket.socket, pid: str) -> str:
        return self.servers[int(pid)].status

    def do_start_server(self, stream: socket.socket, option: str, uid: str) -> str | None:
        if option != "-uid":
            raise ValueError(option)
        if self.servers:
            return ""
        self.waiting.append((stream, f"server {self.start_server(int(uid)).pid}"))
        return None

    def do_shutdown_server(self, _: socket.socket, pid: str, force: str = "") -> str:
        server = self.servers[int(pid)]
        server.ends = True
        if force == "-f":
            os.kill(server.pid, signal.SIGKILL)
        else:
            server.tell({"exit": True})
        return ""

    def do_get_client_list(self, _: socket.socket, pid: str) -> str:
        return "\n".join(self.servers[int(pid)].clients)

    def do_get_device_client_list(self, _: socket.socket, pid: str = "") -> str:
        servers = [self.servers[int(pid)]] if pid else self.servers.values()
        rows = [(device, who) for it in servers for who, device in self.of_devices(it)]
        return "\n".join(f"{device} {who}" for device, who in rows)

    def of_devices(self, server: Server) -> list[tuple[str, str]]:
        return [(pid, str(facts["device"])) for pid, facts in server.clients.items()]

    def do_ps(self, _: socket.socket) -> str:
        rows = [PS]
        for server in self.servers.values():
            for number, (pid, facts) in enumerate(server.clients.items(), 1):
                device, command = facts["device"], facts["command"]
                rows.append(f"{pid:<9} {number:<5} {server.pid:<8} {device:<18} 0 {command}")
        return "\n".join(rows)

    def do_terminate_client(self, stream: socket.socket, server: str, pid: str) -> str | None:
        its = self.servers[int(server)]
        if pid not in its.clients:
            return "CUDA_ERROR_INVALID_VALUE"
        self.waiting.append((stream, f"client {pid}"))
        its.tell({"terminate": pid})
        return None

    def do_get_default_active_thread_percentage(self, _: socket.socket) -> str:
        return f"{self.percent:.1f}"

    def do_set_default_active_thread_percentage(self, _: socket.socket, percent: str) -> str:
        if not 0 < float(percent) <= 100:
            raise ValueError(percent)
        self.percent = float(percent)
        return f"{self.percent:.1f}"

    def do_get_active_thread_percentage(self, _: socket.socket, pid: str) -> str:
        return f"{self.servers[int(pid)].percent:.1f}"

    def do_set_active_thread_percentage(self, _: socket.socket, pid: str, percent: str) -> str:
        if not 0 < float(percent) <= 100:
            raise ValueError(percent)
        server = self.servers[int(pid)]
        server.percent = float(percent)
        server.tell({"percent": server.percent})
        return f"{server.percent:.1f}"

    def do_get_default_device_pinned_mem_limit(self, _: socket.socket, device: str) -> str:
        return self.limits.get(device, "No limit set")

    def do_set_default_device_pinned_mem_limit(
        self, _: socket.socket, device: str, limit: str
    ) -> str:
        if limit[-1] not in "MG" or float(limit[:-1]) <= 0:
            raise ValueError(limit)
        self.limits[device] = limit
        return ""

    def do_set_default_client_priority(self, _: socket.socket, priority: str) -> str:
        return "" if priority in ("0", "1") else "Invalid priority"

    def do_lspart(self, _: socket.socket) -> str:
        return "Static partitioning mode is not enabled"

    def do_sm_partition(self, _: socket.socket, *words: str) -> str:
        return "Static partitioning mode is not enabled"

    def do_help(self, _: socket.socket) -> str:
        return "\n".join(name[3:] for name in sorted(dir(self)) if name.startswith("do_"))

    def do_quit(self, stream: socket.socket, option: str = "", seconds: str = "") -> None:
        if option not in ("", "-t"):
            raise ValueError(option)
        if "hang_at_quit" in faults():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            wait_for_ever()
        time.sleep(fault_seconds("quit_seconds"))
        if option:
            self.force_at_s = time.monotonic() + float(seconds)
        self.quitting.append(stream)


def make(folder: str, lock: int) -> socket.socket:
    """Make the files of the pipe folder; the socket, which listens."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, CONTROL))
    for name, kind in (("control_privileged", None), ("log", 0o666)):
        with contextlib.suppress(FileExistsError):
            path = os.path.join(folder, name)
            os.mkfifo(path, 0o666) if kind else os.mknod(path, 0o140755)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(folder, CONTROL))
    listener.listen(64)
    with open(os.path.join(folder, PID), "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    return listener


def own(folder: str) -> int | None:
    """Return the lock of a pipe folder; none where another daemon has it."""
    lock = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lock


def serve(in_background: bool, protocol: int) -> int:
    """Be the daemon, in the background or here; the exit code."""
    if "hang_at_start" in faults():
        wait_for_ever()
    folder = pipe_folder()
    reader, writer = os.pipe()
    if in_background and os.fork():
        os.close(writer)
        return 0 if os.read(reader, 1) else 1
    if in_background:
        os.setsid()
    try:
        for each in (folder, log_folder()):
            with contextlib.suppress(FileExistsError, PermissionError):
                os.mkdir(each)
        lock = own(folder)
        if lock is None:
            say("An instance of this daemon is already running\n")
            return 1
        listener = make(folder, lock)
    except OSError:  # a path of more than 107 bytes too
        say(NO_DAEMON + "\n")
        return 1
    log = Log("control.log", "Control")
    if not log.write(f"Starting control daemon using socket {folder}/{CONTROL}"):
        say(f"Warning: Failed writing log files to directory [{log_folder()}]. ")
        say("No logs will be available.\n")
    log.write(
        f"To connect CUDA applications to this daemon, set env CUDA_MPS_PIPE_DIRECTORY={folder}"
    )
    log.write("CUDA MPS Control binary version: 13010")
    if in_background:
        nothing = os.open(os.devnull, os.O_RDWR)
        for file in (0, 1, 2):
            os.dup2(nothing, file)
    os.write(writer, b"1")
    daemon = Daemon(listener, log, protocol)
    daemon.run()
    os.unlink(os.path.join(folder, PID))
    log.write("Exit")
    for stream in daemon.quitting:
        daemon.answer(stream, "")
    return 0
