"""Tables of who (a proxy, a client) in which situation, each cell with what comes of it."""
import pytest


def cells(table, situations):
    """A test's parameters for each cell: who, the situation's function, what is expected. The first line names who; `-`: there is no such
    thing. All of one column run in one worker (pytest-xdist's --dist loadgroup), which starts what they need once."""
    names, *rows = [line.split() for line in table.strip().splitlines()]
    situations = {function.__name__: function for function in situations}
    for i, name in enumerate(names):
        for situation, *expected in rows:
            assert len(expected) == len(names), situation
            if expected[i] != "-":
                yield pytest.param(name, situations[situation], expected[i], marks=pytest.mark.xdist_group(name), id=f"{name}-{situation}")
