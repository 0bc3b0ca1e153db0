"""A folder made like sysfs, where the CPUs' frequency governors stand."""

from __future__ import annotations

from pathlib import Path

from tandem.machine.governor import governor

BEFORE = ["powersave", "powersave", "performance"]
SET = ["performance"] * 3
LEFT = "governor: put back; an earlier run had left performance"
FOREIGN = {"wanted": "powersave", "before": {"cpu0": "performance"}}


class Machine:
    """A folder like /sys/devices/system/cpu, with one like /tmp for locks.

    Only the first line of a file counts: in sysfs nothing of an older and longer one stays.
    """

    def __init__(self, path: Path, *names: str, available: str = "performance powersave") -> None:
        self.folder, self.locks = path / "cpu", path / "locks"
        self.locks.mkdir()
        for number, name in enumerate(names):
            cpufreq = self.folder / f"cpu{number}" / "cpufreq"
            cpufreq.mkdir(parents=True)
            (cpufreq / "scaling_available_governors").write_text(f"{available} \n")
            (cpufreq / "scaling_governor").write_text(f"{name}\n")
        (self.folder / "cpuidle").mkdir(parents=True)

    @property
    def state(self) -> Path:
        return self.locks / "tandem-governor.json"

    def file(self, number: int) -> Path:
        return self.folder / f"cpu{number}" / "cpufreq" / "scaling_governor"

    def names(self) -> list[str]:
        count = len(list(self.folder.glob("cpu[0-9]*")))
        files = [self.file(number) for number in range(count)]
        return [file.read_text().splitlines()[0] for file in files if file.exists()]


def used_here(
    machine: Machine, wanted: str | None, *, has_machine: bool = True
) -> tuple[list[str], list[str]]:
    """Return the governors meanwhile, and what was said."""
    said: list[str] = []
    with governor(wanted, machine.folder, said.append, has_machine=has_machine):
        names = machine.names()
    return names, said
