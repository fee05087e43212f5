"""Signal loss, modes that can't be taken, unplug and replug: noticed in time, and everything comes back."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from bench import BY_HAND, Device
from steps import BY_HAND_S, Happen, Note, wait_until

from agent.model.errors import AgentError

WARM_S = 1.0


def run_until_it_fails(
    device: Device, act: threading.Event, acted_s: list[float]
) -> tuple[AgentError, float]:
    """Reads until the source fails; why, and how many seconds after the fault. Sets `act` when it is warm."""
    with closing(device.open(device.modes[0])) as source, pytest.raises(AgentError) as failed:
        began = time.monotonic()
        for _captured in source.packets():
            if time.monotonic() - began > WARM_S:
                act.set()
            assert time.monotonic() - began < BY_HAND_S, "the fault was never noticed"
    failed_s = time.monotonic()
    assert acted_s, f"it failed by itself: {failed.value}"
    return failed.value, failed_s - acted_s[0]


def fail_by(
    device: Device, happen: Happen, command: tuple[str, ...] | str | None, words: str
) -> tuple[str, str, float]:
    """Code, text and delay of the failure that the command brings about while pictures come."""
    act, acted_s = threading.Event(), list[float]()

    def do() -> None:
        if act.wait(BY_HAND_S):
            acted_s.append(time.monotonic())  # before: the command ends after its effect
            happen(command, words)

    doer = threading.Thread(target=do)
    doer.start()
    try:
        failure, delay_s = run_until_it_fails(device, act, acted_s)
    finally:
        act.set()
        doer.join()
    return failure.code, failure.text, delay_s


def opens(device: Device) -> bool:
    try:
        with closing(device.open(device.modes[0])) as source:
            return next(source.packets()).size > 0
    except AgentError:
        return False


def code_at_open(device: Device) -> str:
    with pytest.raises(AgentError) as failed:
        device.open(device.modes[0])
    return failed.value.code


@pytest.mark.needs("signal_off", "signal_on")
def test_a_lost_signal_is_noticed_and_comes_back(device: Device, happen: Happen, note: Note) -> None:
    try:
        code, text, delay_s = fail_by(device, happen, device.signal_off, "take the signal away")
        note("no signal, said as", text, "words")
        note("noticed after, s", f"{delay_s:.2f}", f"{device.notice_s:g}")
        assert code == "source.no-signal"
        assert device.signal_off == BY_HAND or delay_s <= device.notice_s
        assert code_at_open(device) == "source.no-signal"
    finally:
        happen(device.signal_on, "give the signal back")
    back_s = wait_until("the signal is back", lambda: opens(device), BY_HAND_S)
    note("pictures after its return, s", f"{back_s:.2f}", "told only")


@pytest.mark.needs("out_of_range", "signal_on")
def test_a_mode_that_it_can_not_take_is_said(device: Device, happen: Happen, note: Note) -> None:
    try:
        happen(device.out_of_range, "set the source to a mode that this grabber can't take")
        wait_until("it is noticed", lambda: not opens(device), BY_HAND_S)
        with pytest.raises(AgentError) as failed:
            device.open(device.modes[0])
        note("out of range, said as", failed.value.text, "words")
        assert failed.value.code == "source.no-signal"
        assert "can't take" in failed.value.text
    finally:
        happen(device.signal_on, "set the source to its usual mode")
    wait_until("pictures again", lambda: opens(device), BY_HAND_S)


@pytest.mark.needs("unplug", "plug")
def test_an_unplugged_device_is_noticed_and_found_again(device: Device, happen: Happen, note: Note) -> None:
    try:
        code, text, delay_s = fail_by(device, happen, device.unplug, "unplug the device")
        note("unplugged, said as", text, "words")
        note("noticed after, s", f"{delay_s:.2f}", f"{device.notice_s:g}")
        assert code in ("source.lost", "source.stalled")
        assert device.unplug == BY_HAND or delay_s <= device.notice_s
        if device.kind == "v4l2":
            assert code_at_open(device) == "source.missing"
    finally:
        happen(device.plug, "plug the device in again, at the same place")
    back_s = wait_until("the device is back", lambda: opens(device), BY_HAND_S)
    note("pictures after the replug, s", f"{back_s:.2f}", "told only")
