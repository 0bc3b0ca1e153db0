"""Who else used a GPU in a window."""

from __future__ import annotations

from pathlib import Path

from support.monitored import gpu_of, steady, write_monitor
from support.waves import START_S


def test_strangers_of_a_window(folder: Path) -> None:
    header = "boottime_s,gpu,event,pid,kind,user,name,memory_mib,sm_percent"
    events = [
        (2, "gpu_0", "seen", 1, "compute", "ann", '"a,b"', 10, 5),
        (5, "gpu_0", "seen", 2, "compute", "?", "?", "", ""),
        (5, "gpu_1", "seen", 3, "compute", "ann", "c", 10, 5),
        (6, "gpu_0", "seen", 4, "graphics", "root", "Xorg", 30, ""),
        (11, "gpu_0", "gone", 1, "compute", "ann", '"a,b"', 25, 50),
        (15, "gpu_0", "seen", 5, "compute", "bob", "d", 1, 1),
        (15, "gpu_0", "gone", 5, "compute", "bob", "d", 1, 1),
        (22, "gpu_0", "seen", 6, "compute", "bob", "e", 1, 1),
    ]
    lines = [f"{START_S + s},{','.join(map(str, rest))}" for s, *rest in events]
    (folder / "strangers.csv").write_text("\n".join([header, *lines]) + "\n1030,1")
    write_monitor(folder, steady())
    found = gpu_of(folder, START_S + 9.999, START_S + 20.0)["strangers"]
    assert [each["pid"] for each in found] == [1, 2, 4, 5]
    assert found[0] == {
        "pid": 1,
        "kind": "compute",
        "user": "ann",
        "name": "a,b",
        "memory_mib": 25.0,
        "sm_percent": 50.0,
        "identified": True,
        "seen": "2027-01-15T08:16:42.000000+00:00",
        "gone": "2027-01-15T08:16:51.000000+00:00",
    }
    assert (found[1]["identified"], found[1]["memory_mib"], found[1]["gone"]) == (False, None, None)
    # Gone when the row at the start looked, so before; seen by the row that ends the window.
    found = gpu_of(folder, START_S + 10.999, START_S + 14.999)["strangers"]
    assert [each["pid"] for each in found] == [2, 4, 5]
    (folder / "strangers.csv").unlink()
