"""Samples on this machine's own disk while an experiment runs, and how they come to its folder."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tandem.base.errors import NotReadyError
from tandem.base.files import temporary_name
from tandem.base.makers import mark
from tandem.measure.powermon import Powermon
from tandem.results.shared import local_samples
from tandem.results.shared.local_samples import LocalSamples, clear_up

ROWS = "boottime_s,kind\n1.0,\n"


@pytest.fixture
def near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "near"
    folder.mkdir()
    monkeypatch.delenv("SLURM_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def begun(tmp_path: Path) -> LocalSamples:
    """Return the samples of an experiment that has begun, with a few rows."""
    folder = tmp_path / "share" / "worker" / "experiment"
    folder.mkdir(parents=True)
    samples = LocalSamples(folder)
    energy = samples.place("energy")
    samples.place("dose")  # a background that never started has none
    samples.link()
    energy.mkdir()
    (energy / "cpu.csv").write_text(ROWS)
    return samples


def of_killed(name: str) -> str:
    """Return a name of this process's as one of a process of the same pid, which has ended."""
    return name.replace(mark(), f"{mark()[:-1]}{(int(mark()[-1]) + 1) % 10}")


def killed(samples: LocalSamples) -> LocalSamples:
    """Have the local folder look as that of a worker that was killed."""
    dead = samples.local.rename(samples.local.with_name(of_killed(samples.local.name)))
    for link in samples.folder.iterdir():
        if link.is_symlink():
            link.unlink()
            link.symlink_to(dead / link.name)
    samples.local = dead
    return samples


def is_moved_in(samples: LocalSamples) -> bool:
    energy = samples.folder / "energy"
    names = sorted(path.name for path in samples.folder.iterdir())
    has_rows = not energy.is_symlink() and (energy / "cpu.csv").read_text() == ROWS
    return has_rows and names == ["energy"]


def test_whoever_looks_sees_them_while_it_runs(near: Path, tmp_path: Path) -> None:
    samples = begun(tmp_path)
    assert samples.local.parent == near and samples.local.stat().st_mode & 0o777 == 0o700
    assert mark() in samples.local.name
    assert (samples.folder / "energy/cpu.csv").read_text() == ROWS


def test_they_are_moved_in_at_the_end(near: Path, tmp_path: Path) -> None:
    samples = begun(tmp_path)
    samples.bring_in()
    samples.bring_in()  # once more, as nobody knows what came of the first time
    samples.remove()
    assert is_moved_in(samples) and not any(near.iterdir())


@pytest.mark.parametrize("moment", ["copied", "renamed", "unlinked", "in place"])
def test_moved_in_again_after_any_step(near: Path, tmp_path: Path, moment: str) -> None:
    samples = begun(tmp_path)
    link, whole = samples.folder / "energy", samples.folder / "energy.whole"
    if moment == "copied":
        torn = Path(temporary_name(str(link)))
        torn.mkdir()
        (torn / "cpu.csv").write_text("boottime_s,ki")
    if moment in ("renamed", "unlinked"):
        local_samples.copy_folder(samples.local / "energy", whole)
    if moment == "unlinked":
        link.unlink()
    if moment == "in place":
        local_samples.put_in_place(samples.local / "energy", link)
    samples.bring_in()
    assert is_moved_in(samples)


def test_a_failed_copy_shows_nothing_new(
    near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = begun(tmp_path)

    def full(_source: object, far: object, _bytes: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(OSError):
        samples.bring_in()
    assert (samples.folder / "energy").is_symlink()
    monkeypatch.undo()
    samples.bring_in()
    assert is_moved_in(samples)


def test_a_killed_workers_are_brought_in(near: Path, tmp_path: Path) -> None:
    samples = killed(begun(tmp_path))
    assert clear_up() == [samples.folder]
    assert is_moved_in(samples) and not any(near.iterdir())


def test_also_those_in_another_place(
    near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the best place had no room, or there is a better one now."""
    samples = killed(begun(tmp_path))
    (tmp_path / "better").mkdir()
    monkeypatch.setenv("SLURM_TMPDIR", str(tmp_path / "better"))
    assert clear_up() == [samples.folder]
    assert is_moved_in(samples) and not any(near.iterdir())


def test_a_killed_workers_whose_copy_was_whole(near: Path, tmp_path: Path) -> None:
    samples = killed(begun(tmp_path))
    local_samples.copy_folder(samples.local / "energy", samples.folder / "energy.whole")
    (samples.folder / "energy").unlink()
    torn = Path(temporary_name(str(samples.folder / "dose")))
    torn.with_name(of_killed(torn.name)).mkdir()
    clear_up()
    assert is_moved_in(samples) and not any(near.iterdir())


def test_a_living_workers_stay(near: Path, tmp_path: Path) -> None:
    samples = begun(tmp_path)
    assert clear_up() == []
    assert (samples.folder / "energy/cpu.csv").read_text() == ROWS


def test_those_of_runs_with_other_locks_stay(
    near: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = killed(begun(tmp_path))
    monkeypatch.setenv("TANDEM_LOCKS", str(near))
    assert clear_up() == [] and samples.local.exists()


@pytest.mark.parametrize("hours", [1, 30])
def test_they_wait_a_day_for_a_disk_that_is_away(near: Path, tmp_path: Path, hours: int) -> None:
    samples = killed(begun(tmp_path))
    (tmp_path / "share").rename(tmp_path / "away")
    old_s = time.time() - hours * 3600
    for path in [*samples.local.rglob("*"), samples.local]:
        os.utime(path, (old_s, old_s), follow_symlinks=False)
    clear_up()
    assert any(near.iterdir()) == (hours == 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_another_users_are_left_alone(near: Path, tmp_path: Path) -> None:
    samples = killed(begun(tmp_path))
    os.chown(samples.local, 65534, 65534)
    assert clear_up() == [] and samples.local.exists()


def test_the_best_place_that_there_is(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_TMPDIR", str(near / "nowhere"))
    assert local_samples.make_local_folder().parent == near


def test_a_full_disk_of_this_machine_is_named(near: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_samples, "too_small", lambda _place: "only 3 MiB are free")
    with pytest.raises(NotReadyError, match=f"own disk: {near}: only 3 MiB are free"):
        local_samples.make_local_folder()
    assert not any(near.iterdir())


def test_what_is_full_is_named_where_the_monitor_is_told_of_a_training(near: Path) -> None:
    """Else the disk of the run would be waited for, which has room."""
    (near / "trees.tsv").symlink_to("/dev/full")
    training: Any = SimpleNamespace(pid=os.getpid())
    with pytest.raises(OSError) as caught:
        Powermon(near, near).belongs("foreground", training)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(near / "trees.tsv")
