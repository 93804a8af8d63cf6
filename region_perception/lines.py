"""Text of others in one line: names, sentences and reasons that stand in a table, a heading or a message."""


def one_line(text: str) -> str:
    """The text without anything that would begin a line, move a terminal's cursor or change its colours, or that no
    file of UTF-8 can hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
