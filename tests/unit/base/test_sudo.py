"""Files that root made for somebody: really given, and nothing else touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tandem.base.sudo import claim, give_to_caller, is_left

USER, GROUP, SOMEBODY = 54321, 54322, 54323

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture(autouse=True)
def _sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(USER))
    monkeypatch.setenv("SUDO_GID", str(GROUP))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    (path / "experiment" / "attempts").mkdir(parents=True)
    (path / "experiment" / "attempts" / "training.log").write_text("loss 1\n")
    (path / "summary.csv").write_text("id\n")
    (path / "experiment" / "training.log").symlink_to("attempts/training.log")
    os.mkfifo(path / "pipe")
    return path


def everything(path: Path) -> list[Path]:
    return [path, *sorted(path.rglob("*"))]


def owner(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid


@only_root
def test_everything_of_root_belongs_to_the_caller(folder: Path) -> None:
    parent = owner(folder.parent)
    give_to_caller(folder)
    assert {path.name: owner(path) for path in everything(folder)} == dict.fromkeys(
        {"run", "experiment", "attempts", "training.log", "summary.csv", "pipe"}, (USER, GROUP)
    )
    assert owner(folder.parent) == parent


@only_root
def test_a_single_file(folder: Path) -> None:
    give_to_caller(folder / "summary.csv")
    assert owner(folder / "summary.csv") == (USER, GROUP)
    assert owner(folder) == (0, 0)


@only_root
def test_what_somebody_else_owns_stays(folder: Path) -> None:
    os.chown(folder / "experiment" / "attempts", SOMEBODY, SOMEBODY)
    give_to_caller(folder)
    assert owner(folder / "experiment" / "attempts") == (SOMEBODY, SOMEBODY)
    assert owner(folder / "experiment" / "attempts" / "training.log") == (USER, GROUP)


@only_root
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_no_link_is_followed(folder: Path, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "shadow").write_text("secret\n")
    (folder / "link").symlink_to(outside if kind == "folder" else outside / "shadow")
    give_to_caller(folder)
    assert owner(folder / "link") == (USER, GROUP)
    assert [owner(path) for path in everything(outside)] == [(0, 0), (0, 0)]


@only_root
def test_a_link_instead_of_the_folder(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    give_to_caller(link)
    assert owner(link) == (USER, GROUP)
    assert {owner(path) for path in everything(folder)} == {(0, 0)}


@only_root
def test_a_file_with_another_name_elsewhere_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("secret\n")
    (folder / "hard").hardlink_to(tmp_path / "shadow")
    give_to_caller(folder)
    assert owner(tmp_path / "shadow") == (0, 0)
    assert owner(folder) == (USER, GROUP)


@only_root
def test_a_device_stays(folder: Path) -> None:
    try:
        os.mknod(folder / "null", 0o020666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this root may make no devices")
    give_to_caller(folder)
    assert owner(folder / "null") == (0, 0)
    assert owner(folder) == (USER, GROUP)


@only_root
def test_a_folder_shows_whether_all_below_it_was_given(folder: Path) -> None:
    assert is_left(folder)
    give_to_caller(folder)
    assert not is_left(folder)
    claim(folder)
    assert is_left(folder)
    assert owner(folder / "experiment") == (USER, GROUP)
    assert not is_left(folder / "nowhere")


@only_root
@pytest.mark.parametrize(
    ("user", "group"),
    [
        *((None, str(GROUP)), (str(USER), None), ("", ""), ("0", str(GROUP)), (str(USER), "0")),
        *(("root", "root"), ("-1", "-1"), ("4294967295", str(GROUP)), ("99999999999", "1")),
        *(("٣", str(GROUP)), ("1 ", str(GROUP))),
    ],
)
def test_without_a_calling_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch, user: str | None, group: str | None
) -> None:
    for name, value in (("SUDO_UID", user), ("SUDO_GID", group)):
        monkeypatch.delenv(name)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert not is_left(folder)
    os.chown(folder / "experiment", SOMEBODY, SOMEBODY)
    claim(folder / "experiment")
    assert owner(folder / "experiment") == (SOMEBODY, SOMEBODY)
    os.chown(folder / "experiment", 0, 0)
    give_to_caller(folder)
    assert {owner(path) for path in everything(folder)} == {(0, 0)}


def test_what_is_gone(tmp_path: Path) -> None:
    give_to_caller(tmp_path / "nowhere")
    claim(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


@only_root
def test_a_very_deep_folder(tmp_path: Path) -> None:
    """Deeper than the walk can follow is no reason to stop a run."""
    depth = 3000
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        here = opened("d", here)
    try:
        give_to_caller(tmp_path / "d")
        assert owner(tmp_path / "d") == (USER, GROUP)
    finally:
        for _ in range(depth):  # too deep for pytest
            here = opened("..", here)
            os.rmdir("d", dir_fd=here)
        os.close(here)


def opened(name: str, folder: int) -> int:
    """Return the descriptor of a folder in another one, which is closed."""
    found = os.open(name, os.O_RDONLY, dir_fd=folder)
    os.close(folder)
    return found
