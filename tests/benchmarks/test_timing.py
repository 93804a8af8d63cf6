"""What every benchmark measures with."""

import pytest
import timing


def test_contenders_take_turns_after_warming_up() -> None:
    order: list[str] = []
    found = timing.measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, least_seconds=0)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [each.repetitions for each in found.values()] == [2, 2]
    assert all(each.fastest <= each.median <= each.slowest for each in found.values())


def test_memory_is_what_a_run_needs_on_top() -> None:
    kept = bytearray(50_000_000)
    grown = timing.peak_growth(lambda: bytearray(30_000_000).count(1))
    if grown is None:
        pytest.skip("not Linux")
    assert 29_000_000 < grown < 45_000_000
    assert len(kept) == 50_000_000


def test_tables_are_markdown(capsys) -> None:
    timing.print_table("Title", ["ms", "median"], [["a call", "7"]])
    lines = [line.replace(" ", "") for line in capsys.readouterr().out.splitlines()]
    assert "|acall|7|" in lines
    assert any(set(line) == set("|-") for line in lines)
