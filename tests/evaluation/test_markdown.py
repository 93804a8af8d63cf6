"""A report keeps its form whatever stands in names, sentences and reasons."""

from region_perception.evaluation.markdown import report_in_markdown, table

ODD = "a|b\nc\r\u2028d\x1b[2J\ud800e"
SCORE = {"value": 0.5, "low": None, "high": None, "count": 2}


def test_a_cell_takes_one_line_and_no_other_column() -> None:
    lines = table(["name", "score"], [[ODD, "1.0"], ["|", "\n"]]).split("\n")
    assert lines == ["| name | score |", "| --- | --: |", "| a/b c d [2J e | 1.0 |", "| / |  |"]


def test_names_and_reasons_of_others_break_no_report() -> None:
    report = {
        "protocol": "vqav2",
        "model": {"name": ODD, "source": ODD, "trained": [ODD]},
        "settings": {"split": "val", "folder": ODD, "decoding": {"beams": 1}},
        "run": {"done": 2, "bad": {"1": ODD}, "seconds": 1.0, "hardware": {"processor": ODD}},
        "java": ODD,
        "intervals": {"level": 0.95, "resamples": 1000, "seed": 0},
        "sections": [{"name": "image whole", "cases": 1, "groups": 1, "caption": {"scores": {}, "notes": [ODD]}}],
        "measured": {"accuracy": SCORE},
        "notes": [ODD],
        "details": {"question type": {ODD: SCORE}},
        "published": [],
        "differs": [],
    }
    text = report_in_markdown(report, (), {})
    text.encode()
    assert {mark for mark in text if not mark.isprintable()} == {"\n"}
    for line in text.split("\n"):
        assert not line or line[0] in "#|-S0123456789", line
    assert text.count("a/b c d [2J e") == 9
    assert text.count("a|b c d [2J e") == 3  # the title and two notes
