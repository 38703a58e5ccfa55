"""Ask pip-audit whether the packages that nd2watch needs, as installed here, have known faults.

Ends with 1 if they have. pip-audit itself takes packages that its service does not know for sound,
and a mirror without the service knows none: here, what could not be asked is said, and no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(package: str, extras: frozenset[str], seen: dict[str, str]) -> dict[str, str]:
    """Add the packages that one needs, with their versions, to those already seen."""
    for text in distribution(package).requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        name = canonicalize_name(requirement.name)
        wanted = marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras))
        if wanted and name not in seen:
            try:
                seen[name] = distribution(name).version
            except PackageNotFoundError:
                print(f"note: {name} is not installed, and not audited")
            else:
                needed(name, frozenset(requirement.extras), seen)
    return seen


def main() -> int:
    """Print what was found, and return the exit status."""
    versions = needed("nd2watch", frozenset({"czi", "olympus"}), {})
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "requirements.txt")
        lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
        pinned.write_text("".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(pinned)]
        command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
        done = subprocess.run(  # noqa: S603 - this Python, and constants
            command, capture_output=True, text=True, timeout=300, check=False
        )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, LookupError):
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"note: the vulnerability service was not reached; nothing is audited: {last}")
        return 0
    asked = [package for package in found if "skip_reason" not in package]
    faulty = [package for package in asked if package["vulns"]]
    for package in faulty:
        faults = ", ".join(fault["id"] for fault in package["vulns"])
        print(f"error: {package['name']} {package['version']}: {faults}")
    if not asked:
        print("note: the vulnerability service knows none of the packages; nothing is audited")
    print(f"{len(asked)} of {len(versions)} packages audited, {len(faulty)} with known faults")
    return 1 if faulty else 0


sys.exit(main())
