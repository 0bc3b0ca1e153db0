"""The server: it holds the contexts of all clients on its boards, and is told what to do."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import sys
import time
from typing import Any

from simgpu_state import State
from visible import Place, visible

from mps.places import Log, fault_seconds, faults

XID_OF_A_FAULT = 31  # an address that the GPU may not use
TERMINATED = (810, "the MPS client has been terminated by the server")
NOT_READY = (807, "the MPS server is not ready to accept new MPS client requests")
LAUNCH_FAILED = (719, "unspecified launch failure")
RPC_FAILURE = (806, "the remote procedural call between the MPS server and the MPS client failed")


class Client:
    """A client: its connection, and what it asked for."""

    def __init__(self, stream: socket.socket, asked: dict[str, Any]) -> None:
        self.stream, self.asked = stream, asked
        pid = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid = str(struct.unpack("3i", pid)[0])
        self.device = 0
        self.terminate_at_s: float | None = None

    def tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self.stream.sendall(json.dumps(message).encode() + b"\n")

    def fail(self, error: tuple[int, str]) -> None:
        self.tell({"code": error[0], "error": error[1]})


class Server:
    """What the server knows."""

    def __init__(self, channel: socket.socket, state: State, places: list[Place]) -> None:
        self.channel, self.state, self.places = channel, state, places
        self.log = Log("server.log", "Server")
        self.defaults: dict[str, Any] = {"percent": 100.0, "limits": {}}
        self.clients: dict[int, Client] = {}
        self.faulty: set[int] = set()  # boards with a fault, until their clients have gone
        self.wrecked = ""
        self.ends = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(channel, selectors.EVENT_READ, self.hear)

    def report(self, **more: Any) -> None:
        facts = {
            it.pid: {"device": it.device, "command": it.asked["command"]}
            for it in self.clients.values()
        }
        status = "FAULT" if self.faulty else "ACTIVE"
        message = {"status": status, "clients": facts, **more}
        with contextlib.suppress(OSError):  # the daemon has gone
            self.channel.send(json.dumps(message).encode())

    def run(self) -> None:
        while self.clients or not self.ends:
            waits = any(it.terminate_at_s is not None for it in self.clients.values())
            for key, _ in self.selector.select(0.02 if waits else 1.0):
                key.data()
            for client in list(self.clients.values()):
                if client.terminate_at_s is not None and time.monotonic() >= client.terminate_at_s:
                    client.fail(TERMINATED)
                    self.forget(client)
                    self.report(terminated=client.pid, result="CUDA_SUCCESS")
            if not os.path.exists(os.environ["SIMGPU_STATE"]):
                return  # the test is over

    def hear(self) -> None:
        """Take a message of the daemon, or notice that it has gone: clients are served on."""
        try:
            text, files, _, _ = socket.recv_fds(self.channel, 65536, 1)
        except OSError:
            text, files = b"", []
        if not text:
            self.selector.unregister(self.channel)
            self.log.write("The control daemon has gone")
            return
        message = json.loads(text)
        self.ends |= message.pop("exit", False)
        if "client" in message:
            self.meet(Client(socket.socket(fileno=files[0]), message["client"]))
        elif "terminate" in message:
            for client in self.clients.values():
                if client.pid == message["terminate"]:
                    wait_s = fault_seconds("terminate_seconds")
                    client.terminate_at_s = time.monotonic() + wait_s
        else:
            self.defaults |= message

    def meet(self, client: Client) -> None:
        """Let a client in, or not."""
        self.log.write(f"Received new client request of {client.pid}")
        if self.faulty:
            client.fail(NOT_READY)
            client.stream.close()
            return
        if self.wrecked == "hang":
            self.clients[client.stream.fileno()] = client
            return
        self.clients[client.stream.fileno()] = client
        self.selector.register(client.stream, selectors.EVENT_READ, lambda: self.listen(client))
        client.tell({"server": os.getpid(), "places": self.places, **self.defaults})
        self.report()

    def listen(self, client: Client) -> None:
        """Take a client's words; its end without "bye" is a death by a signal."""
        try:
            words = client.stream.recv(4096).decode().split("\n")
        except OSError:
            words = [""]
        for word in words:
            if word.startswith("context "):
                client.device = int(word.split()[1])
                self.report()
            elif word == "fault":
                self.fault(client)
        if words == [""] or "bye" in words:
            self.forget(client)
            if "bye" not in words and client.device not in self.faulty:
                self.lost(client)
            self.report()

    def forget(self, client: Client) -> None:
        self.log.write(f"Client {client.pid} disconnected")
        del self.clients[client.stream.fileno()]
        self.selector.unregister(client.stream)
        client.stream.close()
        self.faulty &= {it.device for it in self.clients.values()}

    def lost(self, client: Client) -> None:
        """A client died without waiting for its work: what comes then is not defined."""
        self.wrecked = faults().get("killed_client", "")
        for other in self.clients.values():
            if self.wrecked == "hang":
                other.tell({"hang": True})
            elif self.wrecked == "fail":
                other.fail(RPC_FAILURE)

    def fault(self, client: Client) -> None:
        """A fault on a board reaches all clients there."""
        device = client.device
        uuid = self.state.layout.devices[device].uuid.decode()
        self.log.write(f"Client {client.pid} encountered a fatal GPU exception on device {uuid}")
        self.state.report_xid(XID_OF_A_FAULT, device)
        self.faulty.add(device)
        for other in self.clients.values():
            if other.device == device:
                other.fail(LAUNCH_FAILED)
        self.report()


def main() -> int:
    """Be the server of the daemon that started this process; the exit code."""
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("nvidia-cuda-mps")
    if "SIMGPU_MPS_CHANNEL" not in os.environ:
        sys.stderr.write("nvidia-cuda-mps-server: is started by nvidia-cuda-mps-control alone\n")
        return 1
    channel = socket.socket(fileno=int(os.environ.pop("SIMGPU_MPS_CHANNEL")))
    log = Log("server.log", "Server")
    log.write("Start")
    time.sleep(fault_seconds("start_seconds"))
    state = State(os.environ["SIMGPU_STATE"])
    places = visible(state, os.environ.get("CUDA_VISIBLE_DEVICES"))
    boards = {device for device, _ in places}
    takes = all(state.takes(device, os.getpid()) for device in boards)
    if not places or not takes or "server_fails" in faults():
        log.write("MPS server failed to start")
        return 1
    state.claim_server(boards)
    for device in sorted(boards):
        log.write(f"Volta MPS: Creating server context on device {device} (Simulated GPU)")
    log.write("MPS Server is started")
    server = Server(channel, state, places)
    server.report(started=True)
    server.run()
    log.write("Exit")
    return 0
