"""What Slurm itself does, which the rest of this folder and lib/tandem/work/slurm rest on.

Each docstring says what was seen in Slurm 22.05, and the test sees it again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.heard import NAMES
from support.slurm import CLUSTER, NODES, Slurm, need_slurm
from support.stage import processes, wait_for
from tandem.processes.tree import send

GPU = "--gres=gpu:1"
HAS_FREEZER = os.access("/sys/fs/cgroup/freezer", os.W_OK)
SEE_BOARDS = f"""
import sys
sys.path.insert(0, "{ROOT}/lib")
from tandem.nvml.binding import opened
from tandem.nvml.devices import boards
with opened():
    print(*(board.devices[0].uuid for board in boards()))
"""


def marker(slurm: Slurm) -> str:
    """Return the word by which the processes of a job are found, whatever they do."""
    return f"family-of-{slurm.folder}"


def heard(slurm: Slurm, job: str, what: str) -> set[str]:
    """Return who of a family has written this so far: a signal's name, or "is there"."""
    lines = slurm.log(job).splitlines()
    return {line.split()[0] for line in lines if line.endswith(f" {what}")}


def family(slurm: Slurm, *options: str) -> str:
    """Start a job that is a family of processes; return its number when all of them listen."""
    program = ROOT / "tests" / "support" / "heard.py"
    job = slurm.submit(f"exec {sys.executable} -S -E {program} {marker(slurm)}", GPU, *options)
    wait_for("all listen", lambda: heard(slurm, job, "is there") == {*NAMES})
    return job


def end_family(slurm: Slurm) -> None:
    """End who of a job is deaf, or the next test would wait for Slurm's KILL."""
    for pid in processes(marker(slurm)):
        send(pid, signal.SIGKILL)


# -- nodes and boards ------------------------------------------------------------------------


def test_two_nodes_run_a_job_each_at_the_same_time(slurm: Slurm) -> None:
    """A GPU is one job's alone, so a second job goes to the other node.

    As root each node has a host name of its own, so that records say which one they are of.
    """
    assert slurm.is_idle()
    jobs = [slurm.submit("echo $SLURMD_NODENAME $HOSTNAME; exec sleep 1000", GPU) for _ in NODES]
    wait_for("both run", lambda: all(slurm.log(job) for job in jobs))
    logs = sorted(slurm.log(job).split() for job in jobs)
    assert [node for node, _ in logs] == [*NODES]
    if os.geteuid() == 0:
        assert [host for _, host in logs] == [*NODES]


def test_cuda_visible_devices_counts_from_0_on_each_node(slurm: Slurm) -> None:
    """The GPUs' files have no number, so their place in gres.conf counts, which is 0 on each node.

    A job that asks for no GPU gets no such variable; without ConstrainDevices it sees all of them.
    """
    line = "echo CUDA=${CUDA_VISIBLE_DEVICES-none} GPUS=${SLURM_JOB_GPUS-none}"
    asked = [slurm.submit(line, GPU, f"--nodelist={node}") for node in NODES]
    bare = slurm.submit(line)
    for job in (*asked, bare):
        slurm.wait_for_state(job, "COMPLETED")
    assert [slurm.log(job) for job in asked] == ["CUDA=0 GPUS=0\n"] * 2
    assert slurm.log(bare) == "CUDA=none GPUS=none\n"


def test_each_node_has_its_own_simulated_board(slurm: Slurm) -> None:
    """What TaskProlog prints as `export NAME=TEXT` is a variable of a batch script, too."""
    script = slurm.folder / "see_boards.py"
    script.write_text(SEE_BOARDS)
    line = f"exec {sys.executable} {script}"
    jobs = [slurm.submit(line, GPU, f"--nodelist={node}") for node in NODES]
    for job in jobs:
        slurm.wait_for_state(job, "COMPLETED")
    assert [slurm.log(job).strip()[:12] for job in jobs] == ["GPU-51500001", "GPU-51500002"]


def test_what_knows_when_a_job_must_end(slurm: Slurm) -> None:
    """Slurm 22.05 sets no SLURM_JOB_END_TIME (newer ones do); squeue knows it, also inside."""
    job = slurm.submit("echo ${SLURM_JOB_END_TIME-0}; squeue -h -j $SLURM_JOB_ID -o %e", GPU)
    slurm.wait_for_state(job, "COMPLETED")
    variable, asked = slurm.log(job).split()
    assert variable.isdigit()
    assert asked.startswith("20")


# -- signals ---------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_FREEZER, reason="needs the freezer of cgroups v1")
def test_with_cgroups_scancel_asks_only_the_batch_script(slurm: Slurm) -> None:
    """CONT and TERM reach the script itself and nobody below it.

    KillWait later, KILL reaches every process of the job, also a daemon that has left its session.
    """
    job = family(slurm)
    slurm.run("scancel", job)
    wait_for("TERM is heard", lambda: heard(slurm, job, "SIGTERM"))
    assert len(processes(marker(slurm))) == len(NAMES)
    wait_for("all are dead", lambda: not processes(marker(slurm)))
    assert heard(slurm, job, "SIGTERM") == heard(slurm, job, "SIGCONT") == {"batch"}
    slurm.wait_for_state(job, "CANCELLED")


def test_without_cgroups_scancel_asks_everybody_at_once(slurm_of_parents: Slurm) -> None:
    """With proctrack/linuxproc CONT and TERM reach the script and all below it, at the same moment.

    A daemon that is nobody's child any more hears nothing, and lives on.
    """
    slurm = slurm_of_parents
    job = family(slurm)
    slurm.run("scancel", job)
    wait_for("TERM is heard", lambda: heard(slurm, job, "SIGTERM") == {*NAMES} - {"daemon"})
    slurm.wait_for_state(job, "CANCELLED")
    wait_for("one is left", lambda: len(processes(marker(slurm))) == 1)
    end_family(slurm)


def test_a_signal_reaches_the_batch_script_only_where_that_is_said(slurm: Slurm) -> None:
    """scancel --signal reaches steps, and there is none; --batch the script, --full its group."""
    job = family(slurm)
    slurm.run("scancel", "--signal=USR1", job)
    slurm.run("scancel", "--batch", "--signal=INT", job)
    wait_for("INT is heard", lambda: heard(slurm, job, "SIGINT"))
    assert (heard(slurm, job, "SIGUSR1"), heard(slurm, job, "SIGINT")) == (set(), {"batch"})
    slurm.run("scancel", "--full", "--signal=USR1", job)
    wait_for("USR1 is heard", lambda: heard(slurm, job, "SIGUSR1") == {"batch", "child"})
    end_family(slurm)


def test_the_warning_comes_early_and_the_end_late(slurm: Slurm) -> None:
    """Slurm looks at time limits every 30 s: B:USR1@30 of one minute comes between 0 and 30 s.

    It reaches the script alone. TERM comes up to 30 s after the limit.
    """
    job = family(slurm, "--time=1", "--signal=B:USR1@30")
    wait_for("USR1 is heard", lambda: heard(slurm, job, "SIGUSR1"))
    assert heard(slurm, job, "SIGUSR1") == {"batch"}
    assert slurm.state(job) == "RUNNING"
    end_family(slurm)


# -- ends ------------------------------------------------------------------------------------


def test_a_job_that_is_queued_again_keeps_its_number_and_its_log(slurm: Slurm) -> None:
    """`scontrol requeue` from inside: TERM, then the same number with SLURM_RESTART_COUNT=1.

    It begins again once the credential of the first start has expired: cred_expire, 5 s here, and
    two minutes where nobody sets it. With --open-mode=append the log goes on.
    """
    job = slurm.submit(
        'echo "start ${SLURM_RESTART_COUNT-none}"\\n'
        "[[ ${SLURM_RESTART_COUNT-none} == none ]] || exit 0\\n"
        "trap 'echo TERM; exit 1' TERM\\n"
        "scontrol requeue $SLURM_JOB_ID\\n"
        "while true; do sleep 0.1; done".replace("\\n", "\n"),
        GPU,
    )
    slurm.wait_for_state(job, "COMPLETED")
    said = [line for line in slurm.log(job).splitlines() if not line.startswith("slurmstepd")]
    assert said == ["start none", "TERM", "start 1"]
    assert slurm.job(job)["Restarts"] == "1"


def test_a_script_that_ends_with_0_is_completed(slurm: Slurm) -> None:
    """Whatever asked it to end, but for scancel: that is CANCELLED, even with exit code 0."""
    line = "trap 'exit 0' TERM USR1; echo ready; while true; do sleep 0.1; done"
    for signal_name, state in (("USR1", "COMPLETED"), ("", "CANCELLED")):
        job = slurm.submit(line, GPU)
        slurm.wait_for_log(job, "ready")
        slurm.run("scancel", *(["--batch", f"--signal={signal_name}"] if signal_name else []), job)
        assert slurm.wait_for_state(job, "COMPLETED", "CANCELLED") == state


def test_tasks_of_an_array_have_numbers_of_their_own(slurm: Slurm) -> None:
    """SLURM_JOB_ID differs from task to task; the array's is that of the last task to start."""
    line = "echo $SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $SLURM_JOB_ID $SLURM_ARRAY_TASK_COUNT"
    array = slurm.submit(line, GPU, "--array=0-1", f"--output={slurm.folder}/task_%A_%a.log")
    logs = [slurm.folder / f"task_{array}_{task}.log" for task in range(2)]
    wait_for("both have run", lambda: all(log.exists() and log.read_text() for log in logs))
    said = [log.read_text().split() for log in logs]
    assert [words[:2] + words[3:] for words in said] == [[array, "0", "2"], [array, "1", "2"]]
    assert said[0][2] != said[1][2]
    assert array in (said[0][2], said[1][2])


def test_a_job_survives_its_slurmd(slurm: Slurm) -> None:
    """The job's own slurmstepd goes on; the new slurmd finds it, and the job can be cancelled."""
    job = slurm.submit("echo ready; exec sleep 1000", GPU)
    slurm.wait_for_log(job, "ready")
    node = slurm.job(job)["NodeList"]
    killed = slurm.daemon(node)
    os.kill(killed, signal.SIGKILL)
    wait_for("it is started again", lambda: slurm.daemon(node) != killed)
    assert slurm.state(job) == "RUNNING"
    slurm.run("scancel", job)
    slurm.wait_for_state(job, "CANCELLED")


# -- the tests' own cluster ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["its owner is killed", "it is told to stop"])
def test_nothing_of_a_cluster_outlives_it(root: Path, how: str) -> None:
    need_slurm()
    folder = root / "cluster"
    owner = subprocess.Popen(
        ["bash", "-c", '"$0" "$1" & echo $!; wait', CLUSTER, folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout
    with owner, owner.stdout:
        pid = int(owner.stdout.readline())
        assert owner.stdout.readline() == f"SLURM_CONF={folder}/slurm.conf\n"
        slurm = Slurm(folder)
        line = f"exec {sys.executable} -S -E {ROOT}/tests/support/heard.py {marker(slurm)}"
        job = slurm.submit(line, GPU)
        slurm.wait_for_log(job, "daemon is there")
        daemons = [slurm.daemon(name) for name in ("munged", "slurmctld", *NODES)]
        if how == "its owner is killed":
            owner.kill()
        else:
            os.kill(pid, signal.SIGTERM)
        wait_for("the job is gone", lambda: not processes(marker(slurm)))
        wait_for("the daemons are gone", lambda: not any(map(is_there, daemons)))
        wait_for("all of it is gone", lambda: not processes(str(folder)))


def test_a_folder_whose_sockets_would_have_too_long_names_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20)
    done = subprocess.run([CLUSTER, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "name of a socket" in done.stderr
    assert not folder.exists()


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()
