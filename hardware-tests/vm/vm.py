"""Runs the jobs of this folder in a virtual machine and judges them. Called by run.sh.

Guarantees: a disk with the agent as it is in the repository, or as in the wheel that is named; each job
ends with PASSED in the guest or this program ends with exit 1 and says where the log is; a power cut is a
SIGKILL of the qemu process that was started here. Leaves out the image (build.sh). Everything is written
to the output directory, nothing to the repository. No figure measures the agent's speed: the guest has
no hardware help and is some 15 times slower than its host.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import dropwhile, takewhile
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PARTS_OF_THE_WHEEL = ("agent", "firmware-profiles", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
BOOT_DEADLINE_S = 900.0
ENDING_S = 60.0
JOBS = ("service", "video", "bench", "power-cut")
# A cut comes this long after the guest has shown that it records, at random, so that it falls anywhere
# between two segments.
LATEST_CUT_S = 9.0
# Growths of the ledger that the host has seen in one boot: those of the start and two segments at least.
KEPT_BEFORE_CUT = 5


class JobFailed(Exception):
    """What was expected and did not come; the log says more."""


@dataclass(slots=True)
class Machine:
    """One boot. `lines` is what the job has written so far."""

    process: subprocess.Popen[bytes]
    log: Path
    facts: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Whole lines only: the last may still be on its way."""
        text = self.log.read_bytes().decode("utf-8", "replace").replace("\r", "")
        return text.split("\n")[:-1]

    def having(self, word: str) -> list[str]:
        """The lines that begin with `word`."""
        return [line for line in self.lines() if line.startswith(word)]

    def wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        """Raises `JobFailed` when the job says FAIL, the machine ends, or the deadline passes."""
        deadline = time.monotonic() + BOOT_DEADLINE_S
        while not holds():
            ended = self.process.poll() is not None
            if failed := self.having("FAIL "):
                self.let_it_end()
                raise JobFailed(f"{failed[0]} (log: {self.log})")
            if ended and not holds():
                raise JobFailed(f"the machine ended before: {what} (log: {self.log})")
            if time.monotonic() > deadline:
                raise JobFailed(f"never happened: {what} (log: {self.log})")
            time.sleep(0.2)  # the distance of two looks

    def wait_until_passed(self) -> None:
        """Until the job has passed and the machine is off."""
        self.wait_for("the job passes", lambda: bool(self.having("PASSED")))
        self.wait_for("power off", lambda: self.process.poll() is not None)

    def let_it_end(self) -> None:
        """A job that failed still tells the service's journal, and powers off."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(ENDING_S)

    def cut_power(self) -> None:
        """The guest's memory is gone."""
        self.process.kill()
        self.process.wait()

    def table(self) -> list[str]:
        """The figures of the bench tests, as pytest wrote them."""
        after = dropwhile(lambda line: not (line.startswith("===") and "figures" in line), self.lines())
        return list(takewhile(lambda line: not line.startswith("JUNIT "), after))

    def read_facts(self) -> dict[str, str]:
        """What the job told by FACT lines."""
        pairs = (line.removeprefix("FACT ").partition("=") for line in self.having("FACT "))
        return {name: value for name, _, value in pairs}


@contextmanager
def booted(out: Path, disk: Path, job: Path, log: Path) -> Iterator[Machine]:
    """A running machine, ended by its own pid."""
    command = [str(HERE / "boot.sh"), str(out), str(disk), str(job), str(log)]
    log.write_bytes(b"")
    process = subprocess.Popen(["/bin/bash", *command], stdin=subprocess.DEVNULL)
    try:
        yield Machine(process, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def make_job(directory: Path, script: str, wheel: Path) -> Path:
    """A directory that the guest sees at /job."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(HERE / "guest", directory)
    (directory / script).rename(directory / "run.sh")
    (directory / "kept").mkdir()
    (directory / "delivery").mkdir()
    shutil.copy(wheel, directory / "delivery")
    shutil.copytree(REPOSITORY / "systemd", directory / "delivery" / "systemd")
    without = shutil.ignore_patterns("vm", "__pycache__")
    shutil.copytree(HERE.parent, directory / "bench-tests", ignore=without)
    return directory


def build_wheel(directory: Path) -> Path:
    """The agent's wheel, built from a copy, since setuptools leaves things in the tree it builds."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        for name in PARTS_OF_THE_WHEEL:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        shutil.rmtree(directory, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run(
            [*pip, "wheel", "--no-deps", "-w", str(directory), place], check=True, stdout=sys.stderr
        )
    (wheel,) = directory.glob("edgeward-*.whl")
    return wheel


def run_once(out: Path, disk: Path, wheel: Path, job: str) -> dict[str, str]:
    """One boot that must pass: guest/JOB.sh."""
    directory = make_job(out / f"job-{job}", f"{job}.sh", wheel)
    with booted(out, disk, directory, out / f"{job}.log") as machine:
        try:
            machine.wait_until_passed()
        finally:
            for line in machine.having("JUNIT "):
                report = out / f"{job}-junit.xml"
                report.write_bytes(base64.b64decode(line.removeprefix("JUNIT ")))
                say(f"JUnit: {report}")
            say("\n".join(machine.table()))
        return machine.read_facts()


def power_cut(out: Path, disk: Path, wheel: Path, cuts: int) -> dict[str, str]:
    """Cuts the power `cuts` times while recording, then checks what is left: guest/power-cut.sh."""
    job = make_job(out / "job-power-cut", "power-cut.sh", wheel)
    last_told_s: list[float] = []
    for number in range(1, cuts + 1):
        with booted(out, disk, job, out / f"power-cut-{number}.log") as machine:
            machine.wait_for(
                "segments after the start", lambda: len(machine.having("KEPT ")) >= KEPT_BEFORE_CUT
            )
            time.sleep(random.uniform(0.0, LATEST_CUT_S))  # noqa: S311 # no secret; the moment of the cut
            machine.cut_power()
            _, count, tail = machine.having("KEPT ")[-1].split(" ")
            last_told_s.append(float(machine.having("TICK ")[-1].split(" ")[1]))
        (job / "kept" / f"{number}-{count}.tail").write_bytes(base64.b64decode(tail))
        say(f"cut {number}: {count} durable leaves")
    (job / "last").touch()
    with booted(out, disk, job, out / "power-cut-last.log") as machine:
        machine.wait_until_passed()
        if not machine.having("ok-with-gaps: "):
            raise JobFailed(f"edgeward verify did not say ok-with-gaps (log: {machine.log})")
        lost = losses(machine.having("RECORDING "), last_told_s)
        say("\n".join(table_of_cuts(lost)))
        return {
            **machine.read_facts(),
            "cuts": str(cuts),
            "verify": "ok-with-gaps",
            "unreadable": str(len(machine.having("UNREADABLE "))),
            "unexplained": str(len(machine.having("WRONG "))),
            "loss_s_median": f"{median(lost):.2f}",
            "loss_s_longest": f"{max(lost):.2f}",
        }


def losses(recordings: list[str], last_told_s: list[float]) -> list[float]:
    """For each cut the seconds from the end of what can be opened to the last sign of life.

    One recording for each boot, in order; the last boot's was not cut. In an emulated machine a sign of life
    comes every 0.3 to 0.4 s, so a loss can be that much longer than what is told, and the last picture can be
    later than the last sign (a negative loss).
    """
    if len(recordings) < len(last_told_s):
        raise JobFailed(f"{len(recordings)} recordings for {len(last_told_s)} cuts")
    found = []
    for line, told_s in zip(recordings, last_told_s, strict=False):
        _, _, _, _, start, seconds, _ = line.split(" ")
        found.append(told_s - float(start) - float(seconds))
    return found


def table_of_cuts(lost: list[float]) -> list[str]:
    """For people."""
    return ["cut  loss, s", *(f"{number:>3}  {seconds:.2f}" for number, seconds in enumerate(lost, 1))]


def say(text: str) -> None:
    """To the person who waits."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    """Exit 0 when every job passed. Prints one JSON object with the facts of each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="directory made by build.sh")
    parser.add_argument("--job", choices=JOBS, action="append", help="default: all")
    parser.add_argument("--cuts", type=int, default=3, help="power cuts on one disk (default: 3)")
    parser.add_argument("--wheel", type=Path, help="test this wheel instead of the repository")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    wheel = arguments.wheel or build_wheel(out / "wheel")
    facts: dict[str, dict[str, str]] = {}
    for job in arguments.job or JOBS:
        disk = out / f"{job}.img"
        make_disk = ["/bin/bash", str(HERE / "disk.sh"), str(out), str(wheel), str(disk)]
        subprocess.run(make_disk, check=True, stdout=sys.stderr)
        began = time.monotonic()
        say(f"job {job} …")
        try:
            if job == "power-cut":
                facts[job] = power_cut(out, disk, wheel, arguments.cuts)
            else:
                facts[job] = run_once(out, disk, wheel, job)
        except JobFailed as error:
            say(f"job {job} failed: {error}")
            return 1
        say(f"job {job} passed in {time.monotonic() - began:.0f} s")
        disk.unlink()
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
