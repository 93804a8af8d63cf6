"""Writes the tables of docs/ros.md that say what messages, services and actions hold, from their files; and what nodes
hear, say and can be set to, from the tables that they read themselves.

    python scripts/ros_tables.py            # writes them
    python scripts/ros_tables.py --check    # says whether they are as the files have it, and changes nothing

A file is read as: a first comment about the whole, then constants and fields, each under its own comment.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INTERFACES = ROOT / "interfaces" / "region_perception_msgs"
PAGE = ROOT / "docs" / "ros.md"
BEGIN, END = "<!-- interfaces: written by scripts/ros_tables.py -->", "<!-- end of interfaces -->"
NODES_BEGIN, NODES_END = "<!-- nodes: written by scripts/ros_tables.py -->", "<!-- end of nodes -->"
SECTIONS = {"msg": [""], "srv": ["request", "response"], "action": ["goal", "result", "feedback"]}


@dataclass(frozen=True)
class Field:
    """A field, or a constant where `value` is given."""

    type: str
    name: str
    about: str
    value: str | None = None
    default: str | None = None


@dataclass
class Interface:
    """One file. `sections` holds the fields and constants of each part: one of a message, two of a service, ..."""

    name: str
    kind: str
    about: str = ""
    sections: list[list[Field]] = field(default_factory=lambda: [[]])

    def constants(self, section: int = 0) -> list[Field]:
        return [item for item in self.sections[section] if item.value is not None]

    def fields(self, section: int = 0) -> list[Field]:
        return [item for item in self.sections[section] if item.value is None]


def interface_files() -> list[Path]:
    """All definitions: messages, then services, then actions, by name."""
    return [path for kind in SECTIONS for path in sorted((INTERFACES / kind).glob(f"*.{kind}"))]


def read_interface(path: Path) -> Interface:
    """What a file defines, with the comment above each line."""
    found = Interface(path.stem, path.suffix[1:])
    comment: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment.append(line[1:].strip())
            continue
        if line.strip() == "---":
            found.sections.append([])
        elif line.strip():
            found.sections[-1].append(_field(line, " ".join(comment)))
        elif comment and not found.about:
            found.about = " ".join(comment)
        comment = []
    return found


def _field(line: str, about: str) -> Field:
    constant = re.fullmatch(r"(\S+)\s+([A-Z][A-Z0-9_]*)\s*=\s*(.+)", line)
    if constant:
        return Field(constant[1], constant[2], about, value=constant[3].strip())
    kind, name, *default = line.split(maxsplit=2)
    return Field(kind, name, about, default=default[0] if default else None)


def tables() -> str:
    """All of it as Markdown."""
    parts = [BEGIN]
    for path in interface_files():
        interface = read_interface(path)
        parts.append(f"### {interface.name} ({path.parent.name})\n\n{interface.about}")
        for section, name in enumerate(SECTIONS[interface.kind]):
            title = f"**{name.capitalize()}**\n\n" if name else ""
            rows = [f"| `{item.name}` | `{item.type}` | {item.about} |" for item in interface.fields(section)]
            parts.append(title + "\n".join(["| field | type | meaning |", "|---|---|---|", *rows]))
            if constants := interface.constants(section):
                rows = [f"| `{item.name}` | {item.value} | {item.about} |" for item in constants]
                parts.append("\n".join(["| constant | value | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join([*parts, END])


def node_tables() -> str:
    """What is said and heard by each node that has a table of it, and what can be set, as Markdown."""
    sys.path.insert(0, str(ROOT))
    from ros_nodes.launching import PROGRAMS
    from ros_nodes.runtime import faces, settings

    parts = [NODES_BEGIN]
    for name, program in PROGRAMS.items():
        parts.append(f"### {name}")
        parts.append(faces.markdown(program.faces))
        parts.append(settings.markdown(type(program.defaults())))
    return "\n\n".join([*parts, NODES_END])


def page_with_tables(page: str) -> str:
    """The page with its tables as they should be."""
    for begin, end, made in ((NODES_BEGIN, NODES_END, node_tables), (BEGIN, END, tables)):
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = before + made() + after
    return page


if __name__ == "__main__":
    written = PAGE.read_text(encoding="utf-8")
    wanted = page_with_tables(written)
    if "--check" not in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
    elif written != wanted:
        sys.exit("docs/ros.md: its tables are not those of the files: python scripts/ros_tables.py")
