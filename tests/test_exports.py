"""The public names."""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nd2watch

ROOT = Path(__file__).parent.parent
PACKAGES = ["nd2watch", *(f"nd2watch.{p}" for p in ("nd2", "sources", "experiment", "convert"))]

_ON_WINDOWS = """
import importlib, os, signal, socket, sys, types

def load():
    for module in sys.argv[1:]:
        importlib.import_module(module)

load()  # the real platform decides which backends the libraries load
for module in [module for module in sys.modules if module.startswith("nd2watch")]:
    del sys.modules[module]
sys.platform = "win32"
for module in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[module] = None
sys.modules["msvcrt"] = types.ModuleType("msvcrt")
missing = {
    signal: "SIGHUP SIGKILL SIGALRM SIGUSR1",
    socket: "AF_UNIX",
    os: "O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC getuid geteuid fchmod chown mkfifo fork"
        " posix_fadvise pread statvfs",
}
for module, names in missing.items():
    for name in names.split():
        delattr(module, name)
load()

from nd2watch import host
from nd2watch.service.notify import Notifier

Notifier({"NOTIFY_SOCKET": "/nowhere"}).ready("x")
host.on_reload_signal(lambda: None)
host.sync_folder(None)
"""


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_exist_once_and_in_order(name: str) -> None:
    package = importlib.import_module(name)
    names = package.__all__
    assert len(set(names)) == len(names)
    assert all(getattr(package, public) is not None for public in names)
    assert all(getattr(package, public).__doc__ for public in names if public != "AXES")


def test_the_package_needs_nothing_of_the_folder_it_is_run_in(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", "import nd2watch.cli; print(nd2watch.__version__)"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == nd2watch.__version__


def test_every_module_imports_without_what_only_posix_has() -> None:
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "nd2watch").rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    )
    command = [sys.executable, "-c", _ON_WINDOWS, *modules]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packaged = {name for name in names if ".dist-info/" not in name}
    source = {
        path.relative_to(ROOT).as_posix()
        for ending in ("py", "toml", "typed")
        for path in (ROOT / "nd2watch").rglob(f"*.{ending}")
    }
    assert packaged == source
