"""Reads tests/broker.table: its head says what it is."""
import dataclasses
import re
from pathlib import Path

PATH = Path(__file__).parents[1] / "broker.table"


@dataclasses.dataclass
class Row:
    line: int
    request: bytes
    rule: int = 0  # which one allows it, or 0
    reason: str = ""  # what is in the reason of a refusal
    words: list = dataclasses.field(default_factory=list)
    differs: str = ""  # grep: it says otherwise


@dataclasses.dataclass
class Set:
    name: str
    prefix: str = ""
    rules: list = dataclasses.field(default_factory=list)
    rows: list = dataclasses.field(default_factory=list)

    def text(self):
        return b"".join(rule + b"\n" for rule in self.rules)


def plain(field):
    return re.sub(rb"%([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), field.encode())


def read():
    sets = []
    for number, line in enumerate(PATH.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        kind, *fields = line.split("\t")
        last = sets[-1] if sets else None
        if kind == "set":
            sets.append(Set(*fields))
        elif kind == "prefix":
            last.prefix, = fields
        elif kind == "rule":
            last.rules.append(plain("\t".join(fields)))
        elif kind == "allow":
            last.rows.append(Row(number, plain(fields[1]), rule=int(fields[0]), words=[plain(word) for word in fields[2:]]))
        elif kind == "deny":
            last.rows.append(Row(number, plain(fields[1]), reason=fields[0]))
        else:
            assert kind == "grep" and len(fields) == 1, f"{PATH}:{number}"
            last.rows[-1].differs = kind
    return sets


SETS = read()
