"""The public names."""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nd2watch

PACKAGES = ["nd2watch", *(f"nd2watch.{p}" for p in ("nd2", "sources", "experiment", "convert"))]


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
    script = (
        "import sys, signal, socket, os\n"
        "sys.platform = 'win32'\n"
        "sys.modules['fcntl'] = None\n"
        "del signal.SIGHUP, socket.AF_UNIX, os.O_NOFOLLOW, os.O_NONBLOCK\n"
        "import nd2watch.nd2, nd2watch.host, nd2watch.pending\n"
        "from nd2watch.service.notify import Notifier\n"
        "Notifier({'NOTIFY_SOCKET': '/nowhere'}).ready('x')\n"
        "nd2watch.host.on_reload_signal(lambda: None)\n"
        "nd2watch.host.sync_folder(None)\n"
    )
    # The real platform decides which backend the libraries load, so they are loaded before.
    libraries = "import asyncio, numpy, tifffile, watchdog.observers, tempfile, subprocess\n"
    libraries += "import apscheduler.schedulers.background, structlog, pydantic, rich.console\n"
    command = [sys.executable, "-c", libraries + script]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    root = Path(__file__).parent.parent
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packaged = {name for name in names if ".dist-info/" not in name}
    source = {
        path.relative_to(root).as_posix()
        for ending in ("py", "toml", "typed")
        for path in (root / "nd2watch").rglob(f"*.{ending}")
    }
    assert packaged == source
