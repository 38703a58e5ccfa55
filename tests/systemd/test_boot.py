"""The service under a real systemd: start, supervision, reload, and the confinement at work."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from nd2watch.nd2 import Nd2Reader
from nd2watch.service.claim import OUTPUT_LOCK, STATE_LOCK
from tests.systemd.machine import WATCHDOG_S, Machine
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

_TOOLS = ("/lib/systemd/systemd", "systemd-sysusers", "systemd-tmpfiles", "unshare", "nsenter")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="systemd is booted on Linux only, and by root only",
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        text = f"{', '.join(missing)} not installed"
        if os.environ.get("CI"):
            pytest.fail(f"{text}; where CI is set, it has to be")
        pytest.skip(text)
    with Machine(tmp_path_factory.mktemp("systemd") / "log") as machine:
        machine.install()
        yield machine


@pytest.fixture(autouse=True)
def _forgotten(machine: Machine) -> Iterator[None]:
    yield
    machine.forget()


@pytest.fixture
def service(machine: Machine) -> Machine:
    machine.configure(["a"])
    machine.do("systemctl", "start", "nd2watch")
    return machine


def _expose(machine: Machine, name: str) -> npt.NDArray[np.uint16]:
    """Write both frames of a sequence, and return their pixels."""
    pixels = np.random.default_rng(1).integers(0, 4096, (2, 16, 20), np.uint16)
    for t, plane in enumerate(pixels, start=1):
        with machine.path(f"/srv/incoming/{name}/img_t{t}.tif").open("wb") as file:
            tifffile.imwrite(file, plane)
    return pixels


def _assert_converted(machine: Machine, name: str, pixels: npt.NDArray[np.uint16]) -> None:
    """Wait for the ND2 file and compare it with the frames."""
    output = machine.path(f"/srv/nd2/{name}.nd2")
    until(output.exists, f"{name}.nd2: {machine.log()}")
    with Nd2Reader(output) as reader:
        for t, plane in enumerate(pixels):
            np.testing.assert_array_equal(reader.read_frame(t)[:, :, 0], plane)


def test_the_installed_folders_belong_to_the_service(machine: Machine) -> None:
    listed = machine.do("stat", "--format=%n %a %U %G", "/srv/nd2", "/var/lib/nd2watch")

    assert listed == "/srv/nd2 750 nd2watch nd2watch\n/var/lib/nd2watch 750 nd2watch nd2watch\n"


def test_a_start_waits_for_the_notification_and_a_stop_leaves_nothing(machine: Machine) -> None:
    machine.configure(["a"])

    machine.do("systemctl", "start", "nd2watch")

    assert machine.do("systemctl", "is-active", "nd2watch") == "active\n"
    assert machine.property("StatusText").startswith(("first scan", "1 folders watched;"))
    machine.do("systemctl", "stop", "nd2watch")
    assert machine.property("Result") == "success"
    assert machine.property("ExecMainStatus") == "0"
    left = {path.name for path in machine.path("/srv/nd2").iterdir()}
    assert left <= {OUTPUT_LOCK}
    assert machine.path(f"/var/lib/nd2watch/{STATE_LOCK}").is_file()
    assert not machine.path("/run/nd2watch").exists()


def test_frames_are_converted_within_the_confinement(service: Machine) -> None:
    _assert_converted(service, "a", _expose(service, "a"))

    status = service.path("/srv/nd2/a.nd2").stat()
    assert str(status.st_uid) == service.do("id", "--user", "nd2watch").strip()
    assert stat.S_IMODE(status.st_mode) == 0o640


def test_the_service_can_write_only_where_it_has_to(service: Machine) -> None:
    user = service.do("id", "--user", "nd2watch").strip()
    inside = ["nsenter", f"--target={service.property('MainPID')}", "--mount"]
    as_user = [*inside, f"--setuid={user}", f"--setgid={user}"]
    open_ones = ["/srv/nd2", "/var/lib/nd2watch", "/run/nd2watch", "/tmp"]
    others = ["/srv/incoming/a", "/etc/nd2watch", "/opt/nd2watch", "/root", "/var/log", "/"]

    written = [
        folder
        for folder in open_ones + others
        if service.run(*as_user, "touch", f"{folder}/written").returncode == 0
    ]

    assert written == open_ones
    # Even with all rights, the sources could not be touched.
    assert "Read-only" in service.run(*inside, "touch", "/srv/incoming/a/written").stderr
    service.do(*inside, "rm", *(f"{folder}/written" for folder in open_ones))


def test_the_process_has_no_rights_to_spare(service: Machine) -> None:
    text = service.do("cat", f"/proc/{service.property('MainPID')}/status")

    status = dict(line.split(":\t", 1) for line in text.splitlines())
    assert set(status["Uid"].split()) == {service.do("id", "--user", "nd2watch").strip()}
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_a_reload_takes_a_good_configuration_without_a_restart(service: Machine) -> None:
    process = service.property("MainPID")
    service.configure(["a", "b"])

    service.do("systemctl", "reload", "nd2watch")

    until(
        lambda: service.property("StatusText").startswith("2 folders watched;"),
        "a second folder watched",
    )
    assert service.property("MainPID") == process
    _assert_converted(service, "b", _expose(service, "b"))


def test_a_reload_with_a_bad_configuration_fails_and_the_service_never_sees_it(
    service: Machine,
) -> None:
    process = service.property("MainPID")
    service.configure(["a", "b"], more="[watch.complete]\nrules = 3\n")

    done = service.systemctl("reload", "nd2watch")

    assert done.returncode != 0
    assert "/etc/nd2watch/config.toml" in service.log()
    assert '"reload' not in service.log()
    assert service.property("ActiveState") == "active"
    assert service.property("MainPID") == process
    _assert_converted(service, "a", _expose(service, "a"))


def test_a_bad_configuration_behind_the_back_of_systemd_changes_nothing(service: Machine) -> None:
    process = service.property("MainPID")
    service.configure(["a", "b"], more="[watch.complete]\nrules = 3\n")

    service.do("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "nd2watch")

    until(lambda: '"reload_failed"' in service.log(), "the failed reload in the log")
    assert service.property("MainPID") == process
    until(
        lambda: service.property("StatusText").startswith("1 folders watched;"),
        "the former configuration in the status",
    )
    _assert_converted(service, "a", _expose(service, "a"))


def test_a_hung_service_is_ended_with_a_report_and_started_anew(service: Machine) -> None:
    process = service.property("MainPID")

    service.do("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "nd2watch")

    until(lambda: service.property("NRestarts") == "1", f"a restart after {WATCHDOG_S} s")
    until(lambda: service.property("ActiveState") == "active", "the service active again")
    log = service.log()
    assert "Fatal Python error: Aborted" in log  # by the watchdog: nothing else sends SIGABRT
    assert "nd2watch/service/daemon.py" in log
    assert service.property("MainPID") != process
    _assert_converted(service, "a", _expose(service, "a"))


def test_a_killed_service_is_started_anew(service: Machine) -> None:
    service.do("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "nd2watch")

    until(lambda: service.property("NRestarts") == "1", "a restart")
    until(lambda: service.property("ActiveState") == "active", "the service active again")
    _assert_converted(service, "a", _expose(service, "a"))


def test_a_bad_configuration_at_the_start_is_not_tried_again(machine: Machine) -> None:
    machine.configure([], more="[[watch]]\n")

    done = machine.systemctl("start", "nd2watch")

    assert done.returncode != 0
    assert machine.property("ExecMainStatus") == "78"
    assert machine.property("ActiveState") == "failed"
    assert machine.property("NRestarts") == "0"
    assert "/etc/nd2watch/config.toml" in machine.log()


def test_the_stricter_rule_on_memory_that_the_unit_leaves_out_can_be_added(
    machine: Machine,
) -> None:
    machine.configure(["a"])
    rule = machine.path("/run/systemd/system/nd2watch.service.d/memory.conf")
    rule.write_text("[Service]\nMemoryDenyWriteExecute=yes\n", encoding="ascii")
    machine.do("systemctl", "daemon-reload")
    try:
        machine.do("systemctl", "start", "nd2watch")

        _assert_converted(machine, "a", _expose(machine, "a"))
    finally:
        rule.unlink()
        machine.do("systemctl", "daemon-reload")


def test_a_conversion_beyond_the_memory_of_the_service_is_killed_alone(machine: Machine) -> None:
    drop_in = machine.path("/run/systemd/system/nd2watch.service.d/memory.conf")
    drop_in.write_text("[Service]\nMemoryHigh=infinity\nMemoryMax=300M\n", encoding="ascii")
    machine.do("systemctl", "daemon-reload")
    machine.configure(["a", "b"])
    try:
        machine.do("systemctl", "start", "nd2watch")
        machine.hold_memory()
        process = machine.property("MainPID")
        for t in (1, 2):  # 200 MB each, of which a file system in memory keeps the ND2 file, too
            with machine.path(f"/srv/incoming/b/img_t{t}.tif").open("wb") as file:
                plane = np.full((10_000, 10_000), t, np.uint16)
                tifffile.imwrite(file, plane, compression="zlib", rowsperstrip=1000)
        until(lambda: "conversion_crashed" in machine.log(), "the end of the conversion")
        assert "SIGKILL, as the system does when it ran out of memory" in machine.log()
        _assert_converted(machine, "a", _expose(machine, "a"))
        assert machine.property("MainPID") == process
        assert machine.property("NRestarts") == "0"
        assert not list(machine.path("/srv/nd2").glob("b*"))
    finally:
        drop_in.unlink()
        machine.do("systemctl", "stop", "nd2watch")
        machine.do("systemctl", "daemon-reload")
