"""A real service under measurement: what its processes need, as Linux tells it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nd2watch.errors import ServiceError
from nd2watch.service.control_client import ask
from tests.processes import children_of, memory_kib

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LOOK_S: Final = 0.5
_CONFIG: Final = """
[output]
folder = "out"

[service]
scan_interval_s = {scan_interval_s}
state_folder = "state"
log_format = "json"

[[watch]]
name = "bench"
folder = "in"
pattern = "img_t{{t:6}}_c{{c}}.tif"
axes = {{ t = {times}, c = ["DAPI", "GFP"] }}
"""


def configured(folder: Path, *, times: int, scan_interval_s: float = 60.0) -> Path:
    """Write a configuration for sequences of so many time points of two channels."""
    path = folder / "config.toml"
    path.write_text(_CONFIG.format(times=times, scan_interval_s=scan_interval_s))
    return path


class Service:
    """A service in a process of its own; leaving the block ends it.

    Parameters
    ----------
    config : Path
        Its configuration; log and state lie beside it.

    Attributes
    ----------
    peak_conversion_mib : float
        Most memory that one of its conversion processes was seen to have.
    """

    def __init__(self, config: Path) -> None:
        self.folder = config.parent
        self.peak_conversion_mib = 0.0
        self._log = (self.folder / "log.json").open("ab")
        command = [sys.executable, "-m", "nd2watch", "run", "--config", str(config)]
        self._began = time.monotonic()
        self._process = subprocess.Popen(command, stderr=self._log)  # noqa: S603

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        status = self._process.wait(60)
        self._log.close()
        if error is None and status != 0:
            raise SystemExit(f"the service ended with status {status}, see {self._log.name}")

    @property
    def age_s(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._began

    def watch(self) -> dict[str, Any]:
        """Return what it tells of its folder; nothing while it starts."""
        try:
            told = ask(self.folder / "state", "status")
        except ServiceError:
            if self._process.poll() is not None:
                raise SystemExit(f"the service has ended, see {self._log.name}") from None
            return {"scanned_s_ago": None, "scan_took_s": None, "settling": 0, "sequences": {}}
        watch: dict[str, Any] = told["watches"][0]
        return watch

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> float:
        """Wait until what it tells of its folder is so, and return the seconds since its start."""
        while not condition(self.watch()):
            self._look_at_conversions()
            time.sleep(_LOOK_S)
        return self.age_s

    def wait_for_scan(self) -> float:
        """Wait for the next scan, and return the seconds that it took."""
        begun = self.age_s
        took = 0.0

        def is_scanned(watch: dict[str, Any]) -> bool:
            nonlocal took
            ago = watch["scanned_s_ago"]
            took = watch["scan_took_s"] or 0.0
            return ago is not None and self.age_s - ago > begun + took

        self.wait(is_scanned)
        return took

    def wait_for_files(self, count: int) -> float:
        """Wait for so many published sequences, and return the seconds since its start."""
        return self.wait(lambda watch: watch["sequences"].get("published", 0) >= count)

    @property
    def rss_mib(self) -> float:
        """Memory that it has now."""
        return memory_kib(self._process.pid, "VmRSS") / 1024

    @property
    def peak_mib(self) -> float:
        """Most memory that it has had."""
        return memory_kib(self._process.pid, "VmHWM") / 1024

    @property
    def processor_s(self) -> float:
        """Processor time that it took, without conversions."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def written_mb(self) -> float:
        """What it has sent to the disk, without conversions."""
        lines = Path(f"/proc/{self._process.pid}/io").read_text().splitlines()
        return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("write_bytes"))

    @property
    def open_files(self) -> int:
        """Files, pipes and sockets that it holds."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))  # noqa: PTH208

    @property
    def log_lines(self) -> int:
        """Lines of its log."""
        return Path(self._log.name).read_bytes().count(b"\n")

    def _look_at_conversions(self) -> None:
        """Note the memory of its conversion processes."""
        for child in children_of(self._process.pid):
            peak = memory_kib(child, "VmHWM") / 1024
            self.peak_conversion_mib = max(self.peak_conversion_mib, peak)
