"""The faulty layers follow their rules, and the clock is off by what the file says."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.chaos import wrong_clock
from tests.chaos.faulty_layer import DoorbellRules, FaultyMemoryLayer, FaultyRedisLayer
from tests.stacks.redis_server import RedisServer


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The file with the rules; it does not exist yet."""
    return tmp_path / "doorbells"


def delays(file: Path, **rules: float) -> list[list[float]]:
    """Return what becomes of a thousand doorbells."""
    file.write_text(json.dumps(rules))
    read = DoorbellRules(file)
    return [read.delays() for _ in range(1000)]


@pytest.mark.stack("embedded")
class TestDoorbellRules:
    def test_without_a_file_every_doorbell_rings_at_once(self, rules: Path) -> None:
        assert [DoorbellRules(rules).delays() for _ in range(3)] == [[0.0], [0.0], [0.0]]

    def test_all_can_be_lost(self, rules: Path) -> None:
        assert delays(rules, lost=1) == [[]] * 1000

    def test_all_can_come_twice(self, rules: Path) -> None:
        assert delays(rules, doubled=1) == [[0.0, 0.0]] * 1000

    def test_all_can_be_late_but_not_too_late(self, rules: Path) -> None:
        late = delays(rules, late=1, seconds=2, seed=1)
        assert all(0 < seconds <= 2 for (seconds,) in late)
        assert len({seconds for (seconds,) in late}) == 1000

    def test_the_same_seed_does_the_same(self, rules: Path) -> None:
        first = delays(rules, lost=0.3, doubled=0.3, late=0.3, seed=1)
        assert first == delays(rules, lost=0.3, doubled=0.3, late=0.3, seed=1)
        assert first != delays(rules, lost=0.3, doubled=0.3, late=0.3, seed=2)
        assert 0 < first.count([]) < 1000

    def test_changed_rules_apply_while_the_process_runs(self, rules: Path) -> None:
        now = [0.0]
        read = DoorbellRules(rules, clock=lambda: now[0])
        assert read.delays() == [0.0]
        rules.write_text('{"lost": 1}')
        assert read.delays() == [0.0]
        now[0] = 1.0
        assert read.delays() == []


@pytest.fixture
def late_twice(rules: Path) -> Path:
    """Every doorbell comes twice, and somewhat late."""
    rules.write_text('{"doubled": 1, "late": 1, "seconds": 0.01}')
    return rules


@pytest.mark.stack("embedded")
async def test_the_memory_layer_follows_the_rules(late_twice: Path) -> None:
    layer = FaultyMemoryLayer(rules=str(late_twice))
    await layer.group_add("group", "channel")
    await layer.group_send("group", {"type": "ring"})
    async with asyncio.timeout(20):
        assert [await layer.receive("channel") for _ in range(2)] == [{"type": "ring"}] * 2


@pytest.mark.stack("production")
async def test_the_redis_layer_follows_the_rules(
    late_twice: Path, private_redis: RedisServer
) -> None:
    layer = FaultyRedisLayer(rules=str(late_twice), hosts=[private_redis.url])
    channel = await layer.new_channel()
    await layer.group_add("group", channel)
    await layer.group_send("group", {"type": "ring"})
    async with asyncio.timeout(20):
        assert [await layer.receive(channel) for _ in range(2)] == [{"type": "ring"}] * 2
    await layer.flush()


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clock that is off by what a file says; restored after the test."""
    monkeypatch.setattr(time, "time", time.time)
    monkeypatch.setattr(timezone, "now", timezone.now)
    monkeypatch.setattr(wrong_clock, "POLL_SECONDS", 0)
    file = tmp_path / "clock"
    wrong_clock.install(file)
    return file


@pytest.mark.stack("embedded")
def test_the_clock_is_as_wrong_as_the_file_says(clock: Path) -> None:
    before, now = time.time(), timezone.now()
    clock.write_text("3600")
    assert 3600 <= time.time() - before < 3700
    assert timedelta(hours=1) <= timezone.now() - now < timedelta(hours=1, minutes=2)
    clock.unlink()
    assert time.time() - before < 100
