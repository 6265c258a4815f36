"""Events in memory, for other tests."""

from __future__ import annotations

from garrison.events.capture import capturing_bus, follow
from garrison.events.vocabulary import EventName
from tests.events.making import facts


def test_what_was_emitted_can_be_read_at_once() -> None:
    bus, captured = capturing_bus()
    assert captured.names() == []
    bus.emit(EventName.STARTUP)
    bus.emit(EventName.CSRF_REFUSED, facts(), layer="csrf")
    assert captured.names() == ["sys_startup", "csrf_refused"]
    assert captured[-1].layer == "csrf"
    assert len(captured) == 2
    assert [one.name for one in captured] == [one.name for one in captured[:]]
    assert captured.of("sys_startup") == [captured[0]]
    captured.clear()
    assert not captured


def test_a_running_bus_can_be_followed() -> None:
    bus, _ = capturing_bus()
    bus.start()
    bus.emit(EventName.STARTUP)
    later = follow(bus)
    bus.emit(EventName.SHUTDOWN)
    assert later.names() == ["sys_shutdown"]
    assert repr(later) == "Captured(['sys_shutdown'])"
    bus.close()
