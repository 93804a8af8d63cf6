"""Long JSON lists come item by item, whatever the window, and broken ones are refused in words."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from region_perception.data.formats import json_stream
from region_perception.data.formats.json_stream import is_object, json_items, json_lines, json_object, json_table
from region_perception.errors import InvalidInput

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(items=st.lists(VALUES, max_size=6), window=st.integers(1, 40), indent=st.sampled_from([None, 2]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_items_are_those_of_the_list_in_every_window(tmp_path, monkeypatch, items, window, indent):
    monkeypatch.setattr(json_stream, "_CHUNK", window)
    path = tmp_path / "list.json"
    path.write_text(json.dumps(items, indent=indent))
    assert list(json_items(path)) == items
    path.write_text(json.dumps({"a": [[1], {"b": 2}], "items": items, "c": {"items": [3]}}, indent=indent))
    assert list(json_items(path, "items")) == items
    assert json_object(path)["items"] == items


@pytest.mark.parametrize("window", range(1, 12))
def test_numbers_are_not_cut_where_a_window_ends(tmp_path, monkeypatch, window):
    monkeypatch.setattr(json_stream, "_CHUNK", window)
    path = tmp_path / "list.json"
    path.write_text("[0.5,1e+5,-2.25E-3,17,1.0]")
    assert list(json_items(path)) == [0.5, 1e5, -2.25e-3, 17, 1.0]
    path.write_text("12.5")
    assert json_stream._Text(path.open(), "x").value() == 12.5


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "file.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected '\\[', but it ends there"),
        ("[1, 2", "expected ',', but it ends there"),
        ("[1 2]", "expected ',', got '2'"),
        ("[1, ]", "a comma with nothing after it"),
        ('[{"a": 1, "b"]', "broken or cut off"),
        ('["never closed', "broken or cut off"),
        ("[" * 100_000, "lists within lists"),
        ("[" + "7" * 5000 + "]", r"file.json: Exceeds the limit"),
        ('{"a": 1}', "expected '\\[', got '{'"),
    ],
)
def test_broken_lists_are_refused(write, text, message):
    with pytest.raises(InvalidInput, match=message):
        list(json_items(write(text)))


def test_what_comes_before_the_break_is_read(write):
    items = json_items(write('[{"a": 1}, {"a": 2}, {"a":'))
    assert [next(items), next(items)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(InvalidInput, match="cut off"):
        next(items)


def test_a_list_that_is_not_there_is_named(write):
    with pytest.raises(InvalidInput, match="no 'annotations' in it"):
        list(json_items(write('{"images": []}'), "annotations"))
    with pytest.raises(InvalidInput, match="cannot be read"):
        list(json_items(write("[]").with_name("nowhere.json")))
    with pytest.raises(InvalidInput, match="expected a JSON object, got list"):
        json_object(write("[]"))


def test_a_value_that_is_too_long_to_be_data_is_refused(write, monkeypatch):
    monkeypatch.setattr(json_stream, "_LONGEST", 1000)
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    with pytest.raises(InvalidInput, match="more than 1,000 characters"):
        list(json_items(write('["' + "x" * 5000 + '"]')))


def test_bytes_that_are_not_utf_8_and_marks_of_byte_order_are_read(write):
    assert list(json_items(write(b'\xef\xbb\xbf["caf\xe9"]'))) == ["caf\udce9"]
    assert is_object(write(b'\xef\xbb\xbf {"a": 1}'))
    assert not is_object(write("[]"))


def test_tables_hold_what_has_a_number_or_a_name(write):
    rows = [{"id": 1}, {"id": "a"}, {"id": [2]}, {"name": "none"}, 5]
    assert json_table(write(json.dumps({"images": rows})), "images") == {1: {"id": 1}, "a": {"id": "a"}}


def test_lines_that_are_no_json_come_as_errors(write):
    first, second, third = json_lines(write('{"a": 1}\n\n{broken\n[2]\n'))
    assert (first, third) == ({"a": 1}, [2])
    assert isinstance(second, ValueError)
