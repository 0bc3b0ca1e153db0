"""The stand-in of MPS does what NVIDIA's documentation says of the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mps.use import PROGRAM, Mps
from simgpu import SimGpu, build
from simgpu_state import State, now_s

NO_DAEMON = "Cannot find MPS control daemon process"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.getbasetemp() / "simgpu")


@pytest.fixture
def gpu(tmp_path: Path, library: Path) -> Iterator[SimGpu]:
    with SimGpu(tmp_path / "gpu.state", library, devices=2) as gpu:
        yield gpu


@pytest.fixture
def mps(gpu: SimGpu) -> Iterator[Mps]:
    with Mps(gpu) as mps:
        yield mps


@pytest.fixture
def state(tmp_path: Path, mps: Mps) -> State:
    return State(tmp_path / "gpu.state")


def wait_for(what: str, condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end_s, f"never came: {what}"
        time.sleep(0.01)


class Trainings:
    """Trainings as clients of a daemon, which end with the test."""

    def __init__(self, gpu: SimGpu, mps: Mps) -> None:
        self.gpu, self.mps = gpu, mps
        self.started: list[subprocess.Popen[str]] = []

    def begin(self, seconds: float = 60, **variables: str) -> subprocess.Popen[str]:
        flags = {"seconds": seconds}
        if "fault" in variables:
            flags["fault_seconds"] = float(variables.pop("fault"))
        before = len(self.gpu.slots())
        process = subprocess.Popen(
            self.gpu.command(**flags),
            env={**self.mps.environment(), **variables},
            stdout=-1,
            stderr=-1,
            text=True,
        )
        self.started.append(process)
        ended = process.poll
        wait_for("its load", lambda: len(self.gpu.slots()) > before or ended() is not None)
        return process


@pytest.fixture
def trainings(gpu: SimGpu, mps: Mps) -> Iterator[Trainings]:
    trainings = Trainings(gpu, mps)
    yield trainings
    for process in trainings.started:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def ready(mps: Mps) -> int:
    """Return the pid of the one server."""
    return int(mps.ask("get_server_list")[1])


def test_a_daemon_makes_its_files_and_leaves_the_sockets_at_quit(mps: Mps) -> None:
    daemon = mps.start()
    names = {"control", "control_lock", "control_privileged", "log", "nvidia-cuda-mps-control.pid"}
    assert {path.name for path in mps.default.iterdir()} == names
    assert mps.ask("get_server_list") == (0, "")
    assert mps.ask("quit") == (0, "")
    assert daemon.wait(timeout=60) == 0
    assert {path.name for path in mps.default.iterdir()} == names - {"nvidia-cuda-mps-control.pid"}
    assert mps.ask("get_server_list") == (1, NO_DAEMON)
    assert "Cmd:quit" in (mps.log / "control.log").read_text()


def test_a_folder_has_one_daemon_and_a_long_path_none(mps: Mps, tmp_path: Path) -> None:
    mps.start()
    second = subprocess.run(
        [PROGRAM, "-f"], env=mps.environment(), capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert second.stdout == "An instance of this daemon is already running\n"
    long = tmp_path / ("x" * 108)
    refused = subprocess.run(
        [PROGRAM, "-d"],
        env={**mps.environment(), "CUDA_MPS_PIPE_DIRECTORY": str(long)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (1, NO_DAEMON + "\n")


def test_in_the_background_it_is_ready_on_return_and_takes_over_what_a_killed_one_left(
    mps: Mps,
) -> None:
    killed = mps.start()
    killed.kill()
    killed.wait()
    assert mps.ask("get_server_list") == (1, NO_DAEMON)
    environment = mps.environment()
    assert subprocess.run([PROGRAM, "-d"], env=environment, check=False).returncode == 0
    assert mps.ask("get_default_active_thread_percentage") == (0, "100.0")
    assert mps.ask("quit -t 1") == (0, "")


def test_defaults_are_set_and_mistakes_are_answered(mps: Mps) -> None:
    mps.start(CUDA_MPS_ACTIVE_THREAD_PERCENTAGE="40")
    assert mps.ask("get_default_active_thread_percentage") == (0, "40.0")
    assert mps.ask("set_default_active_thread_percentage 25") == (0, "25.0")
    assert mps.ask("set_default_active_thread_percentage 0")[1].startswith("Invalid command")
    assert mps.ask("set_default_device_pinned_mem_limit 0 2G") == (0, "")
    assert mps.ask("get_default_device_pinned_mem_limit 0") == (0, "2G")
    assert mps.ask("dance") == (0, "Unrecognized command dance")
    assert mps.ask("get_client_list 1")[1].startswith("Invalid command")
    assert "not enabled" in mps.ask("lspart")[1]
    assert mps.ask("get_server_list\nget_default_active_thread_percentage") == (0, "25.0")


def test_clients_share_a_server_which_alone_is_in_the_list_of_processes(
    gpu: SimGpu, mps: Mps, trainings: Trainings
) -> None:
    mps.start()
    first = trainings.begin()
    second = trainings.begin(
        CUDA_MPS_ACTIVE_THREAD_PERCENTAGE="30", CUDA_MPS_PINNED_DEVICE_MEM_LIMIT="0=2G"
    )
    server = ready(mps)
    assert mps.ask(f"get_server_status {server}") == (0, "ACTIVE")
    assert mps.ask(f"get_client_list {server}") == (0, f"{first.pid}\n{second.pid}")
    row = mps.ask("ps")[1].splitlines()[2].split()
    assert (row[0], row[2], row[-1]) == (str(second.pid), str(server), "train.py")
    assert gpu.servers(0) == gpu.servers(1) == [server]
    one, two = gpu.slots()
    assert (one.mps_server, one.thread_percent, one.pinned_mib) == (server, 100, 0)
    assert (two.mps_server, two.thread_percent, two.pinned_mib) == (server, 30, 2048)
    assert two.sm_percent == 30
    script = (
        "import pynvml as n; n.nvmlInit(); d = n.nvmlDeviceGetHandleByIndex(0);"
        "print(*[p.pid for p in n.nvmlDeviceGetComputeRunningProcesses(d)], '|',"
        " *[p.pid for p in n.nvmlDeviceGetMPSComputeRunningProcesses(d)])"
    )
    command = [sys.executable, "-c", script]
    listed = subprocess.check_output(command, env=mps.environment(), text=True)
    assert listed == f"{server} | {first.pid} {second.pid}\n"


def test_without_a_daemon_a_training_goes_on_without_mps(
    gpu: SimGpu, mps: Mps, trainings: Trainings
) -> None:
    assert end(trainings.begin(seconds=0.1))[0] == 0
    killed = mps.start()
    killed.kill()
    killed.wait()
    assert end(trainings.begin(seconds=0.1))[0] == 0
    assert [slot.mps_server for slot in gpu.slots()] == [0, 0]


def test_the_daemon_chooses_the_boards_and_clients_count_among_these(
    gpu: SimGpu, mps: Mps, trainings: Trainings
) -> None:
    mps.start(CUDA_VISIBLE_DEVICES="GPU-51500001")
    trainings.begin()
    trainings.begin(CUDA_VISIBLE_DEVICES="0")
    trainings.begin(CUDA_VISIBLE_DEVICES="GPU-51500001")
    assert [slot.device for slot in gpu.slots()] == [1, 1, 1]
    assert gpu.servers(0) == []
    for other in ("1", "GPU-51500000"):
        assert end(trainings.begin(CUDA_VISIBLE_DEVICES=other))[0] == 2


def test_a_limit_of_memory_holds(mps: Mps, trainings: Trainings) -> None:
    mps.start()
    code, errors = end(trainings.begin(CUDA_MPS_PINNED_DEVICE_MEM_LIMIT="0=900M"))
    assert (code, "out of memory" in errors) == (1, True)


def test_a_terminated_client_fails_and_the_others_go_on(mps: Mps, trainings: Trainings) -> None:
    mps.start()
    first, second = trainings.begin(), trainings.begin()
    server = ready(mps)
    assert mps.ask(f"terminate_client {server} {first.pid}") == (0, "CUDA_SUCCESS")
    assert mps.ask(f"get_client_list {server}") == (0, str(second.pid))
    code, errors = end(first)
    assert (code, "has been terminated by the server" in errors) == (1, True)
    assert second.poll() is None
    assert mps.ask(f"terminate_client {server} {first.pid}")[1] == "CUDA_ERROR_INVALID_VALUE"


def test_a_fault_reaches_all_clients_of_its_board(
    mps: Mps, trainings: Trainings, state: State
) -> None:
    mps.start()
    beside, elsewhere = trainings.begin(), trainings.begin(CUDA_VISIBLE_DEVICES="1")
    faulty = trainings.begin(fault="0.1")
    for process in (faulty, beside):
        code, errors = end(process)
        assert (code, "unspecified launch failure" in errors) == (1, True)
    assert elsewhere.poll() is None
    assert list(state.layout.devices[0].xids[:1]) == [31]
    assert "fatal GPU exception" in (mps.log / "server.log").read_text()
    wait_for("it serves again", lambda: mps.ask(f"get_server_status {ready(mps)}")[1] == "ACTIVE")
    assert trainings.begin().poll() is None


@pytest.mark.parametrize("then", ["", "hang", "fail"])
def test_what_a_killed_client_does_to_the_others(
    gpu: SimGpu, mps: Mps, trainings: Trainings, then: str
) -> None:
    mps.play(*([f"killed_client={then}"] if then else []))
    mps.start()
    killed, other = trainings.begin(), trainings.begin(seconds=2)
    killed.kill()
    killed.wait()
    if then == "hang":
        slot = gpu.slots()[1]
        wait_for("its end were it at work", lambda: now_s() > slot.start_s + 2.2)
        assert other.poll() is None
        other.terminate()
    assert end(other)[0] == {"": 0, "hang": -signal.SIGTERM, "fail": 1}[then]


def test_clients_outlive_the_daemon_and_fail_with_the_server(
    mps: Mps, trainings: Trainings
) -> None:
    daemon = mps.start()
    training = trainings.begin()
    server = ready(mps)
    daemon.kill()
    daemon.wait()
    assert mps.servers() == [server]
    assert training.poll() is None
    os.kill(server, signal.SIGKILL)
    assert end(training)[0] == 1


def test_quit_waits_for_clients_or_ends_the_server_under_them(
    mps: Mps, trainings: Trainings
) -> None:
    daemon = mps.start()
    training = trainings.begin()
    assert mps.ask("quit -t 0.1") == (0, "")
    assert daemon.wait(timeout=60) == 0
    assert end(training)[0] == 1
    assert mps.servers() == []
    mps.start()
    ended = trainings.begin(seconds=0.3)
    assert mps.ask("quit") == (0, "")
    assert end(ended)[0] == 0


def test_a_daemon_that_hangs_at_quit_ends_by_a_kill_alone(mps: Mps) -> None:
    mps.play("hang_at_quit")
    daemon = mps.start()
    front = subprocess.Popen([PROGRAM], env=mps.environment(), stdin=-1, stdout=-1, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        front.communicate("quit\n", timeout=0.3)
    wait_for("TERM is ignored", lambda: ignores_term(daemon.pid))
    daemon.terminate()
    daemon.kill()
    assert daemon.wait(timeout=60) == -signal.SIGKILL
    front.communicate(timeout=60)
    assert front.returncode == 1


def ignores_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn"))
    return bool(int(mask, 16) >> signal.SIGTERM - 1 & 1)


def test_a_server_that_does_not_start_fails_its_clients(mps: Mps, trainings: Trainings) -> None:
    mps.play("server_fails")
    mps.start()
    assert end(trainings.begin())[0] == 1
    assert mps.ask("get_server_list") == (0, "")
    assert mps.ask(f"start_server -uid {os.getuid()}") == (0, "Failed to start an MPS server")
    mps.play()
    assert mps.ask(f"start_server -uid {os.getuid()}") == (0, "")
    assert mps.ask(f"shutdown_server {ready(mps)}") == (0, "")
    wait_for("its end", lambda: mps.servers() == [])


def test_a_board_in_exclusive_mode_takes_one_server(
    gpu: SimGpu, mps: Mps, trainings: Trainings
) -> None:
    gpu.set(compute_mode="exclusive process")
    mps.start(CUDA_VISIBLE_DEVICES="0")
    trainings.begin()
    trainings.begin()
    other = mps.folder / "other"
    mps.start(other, CUDA_VISIBLE_DEVICES="0")
    code, _ = end(trainings.begin(CUDA_MPS_PIPE_DIRECTORY=str(other)))
    assert (code, len(gpu.servers(0))) == (1, 1)


def test_a_full_disk_costs_the_logs_alone(mps: Mps, trainings: Trainings) -> None:
    mps.log.mkdir()
    (mps.log / "control.log").symlink_to("/dev/full")
    mps.start()
    assert end(trainings.begin(seconds=0.1))[0] == 0


def test_protocol_3_takes_no_commands_of_before(mps: Mps) -> None:
    words = [PROGRAM, "-p", "3", "-v"]
    environment = mps.environment()
    assert subprocess.run(words, env=environment, stdout=-1, check=False).returncode == 1
    environment["SIMGPU_MPS_DRIVER"] = "615"
    assert subprocess.run(words, env=environment, stdout=-1, check=False).returncode == 0
    mps.start(CUDA_MPS_PROTOCOL_VERSION="3", SIMGPU_MPS_DRIVER="615")
    assert mps.ask("get_server_list") == (0, "error: unknown module: get_server_list")
