"""A systemd of its own, in namespaces, that has the service installed as the guide tells."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 60.0
WATCHDOG_S = 5

CONFIG = """
[output]
folder = "/srv/nd2"
[service]
settle_s = 0.2
"""
WATCH = """
[[watch]]
name = "{name}"
folder = "/srv/incoming/{name}"
pattern = "img_t{{t}}.tif"
output = "{name}.nd2"
[watch.axes]
t = 2
"""
DROP_IN = f"""
[Unit]
StartLimitIntervalSec=0
[Service]
WatchdogSec={WATCHDOG_S}
RestartSec=0
StandardOutput=append:/run/nd2watch.log
StandardError=append:/run/nd2watch.log
"""
"""There is no journal to write to; and nobody waits for two minutes."""


class Machine:
    """The booted systemd; use it as a context manager."""

    def __init__(self, log: Path) -> None:
        packages = sysconfig.get_path("purelib")
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                ["bash", Path(__file__).parent / "boot.sh", sys.base_prefix, packages, ROOT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        line = self._pipe(self._process.stdout).readline()
        self._systemd = int(line) if line.strip() else 0

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe

    def __enter__(self) -> Machine:
        if not self._systemd:
            raise AssertionError(f"systemd does not start: {self.log()}")
        until(lambda: self.systemctl("is-system-running").stdout == "running\n", "boot")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=LIMIT_S)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root in the machine."""
        inside = ["nsenter", "--target", str(self._systemd), "--mount", "--pid", "--net", "--"]
        return subprocess.run(
            [*inside, *command], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )

    def do(self, *command: str) -> str:
        """Run a command that has to succeed, and return what it prints."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask systemd for something."""
        return self.run("systemctl", *words)

    def path(self, inside: str) -> Path:
        """Return the path by which the test reaches a file of the machine."""
        return Path(f"/proc/{self._systemd}/root{inside}")

    def log(self) -> str:
        """Return what the service has written, after what starting the machine has."""
        texts = (self._log, self.path("/run/nd2watch.log"))
        return "".join(path.read_text(encoding="utf-8") for path in texts if path.exists())

    def property(self, name: str) -> str:
        """Return a property of the service as systemd has it."""
        return self.do("systemctl", "show", "--value", f"--property={name}", "nd2watch").strip()

    def install(self) -> None:
        """Do what the guide tells for Linux."""
        files = "/opt/nd2watch/source/systemd"
        self.do("install", "-D", "-m", "644", f"{files}/nd2watch.sysusers.conf",
                "/etc/sysusers.d/nd2watch.conf")  # fmt: skip
        self.do("systemd-sysusers", "nd2watch.conf")
        self.do("install", "-D", "-m", "644", f"{files}/nd2watch.tmpfiles.conf",
                "/etc/tmpfiles.d/nd2watch.conf")  # fmt: skip
        self.do("systemd-tmpfiles", "--create", "nd2watch.conf")
        self.do("install", "-m", "644", f"{files}/nd2watch.service", "/run/systemd/system/")
        drop_ins = self.path("/run/systemd/system/nd2watch.service.d")
        drop_ins.mkdir()
        (drop_ins / "test.conf").write_text(DROP_IN, encoding="utf-8")
        self.do("systemctl", "daemon-reload")
        self.do("mkdir", "/srv/incoming", "/etc/nd2watch")

    def configure(self, names: Sequence[str], *, more: str = "") -> None:
        """Write a configuration that watches folders of these names."""
        for name in names:
            self.do("mkdir", "--parents", f"/srv/incoming/{name}")
        text = CONFIG + "".join(WATCH.format(name=name) for name in names) + more
        self.path("/etc/nd2watch/config.toml").write_text(text, encoding="utf-8")

    def hold_memory(self) -> None:
        """See to it that the running service is held to its ``MemoryMax=``.

        Where the kernel has memory in cgroups of version 1, which this systemd leaves alone, the
        service is put into such a group with the limit that systemd has for it.
        """
        own = self.path(f"/sys/fs/cgroup{self.property('ControlGroup')}/memory.max")
        if own.exists():
            return
        limit, process = self.property("MemoryMax"), self.property("MainPID")
        group = "/run/memory/nd2watch-test"
        self.do("mkdir", "--parents", "/run/memory")
        if not self.path("/run/memory/cgroup.procs").exists():
            self.do("mount", "-t", "cgroup", "-o", "memory", "memory", "/run/memory")
        self.do("mkdir", "--parents", group)
        self.do("sh", "-c", f"echo {limit} >{group}/memory.limit_in_bytes")
        self.do("sh", "-c", f"echo {process} >{group}/cgroup.procs")

    def forget(self) -> None:
        """Stop the service; remove frames, ND2 files and what it has written to its log."""
        self.do("systemctl", "stop", "nd2watch")
        self.run("systemctl", "reset-failed", "nd2watch")  # fails when nothing has failed
        self.run("rmdir", "/run/memory/nd2watch-test")  # it is there after one test alone
        folders = ("/srv/incoming", "/srv/nd2", "/var/lib/nd2watch")
        self.do("find", *folders, "-mindepth", "1", "-delete")
        self.do("truncate", "--size=0", "/run/nd2watch.log")
