"""What other programs make of an expression where that is not what it means: each as far as it can be said beforehand.

An expression is taken apart, as oracle.c puts it together, and is read or written as one of them would have it."""
import re

BEYOND = "éß€\U0001f600"  # the characters of oracle.c that are not ASCII's
ASCII = {"alpha": "a-zA-Z", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z"}
CLASS = re.compile(r"\[:(alpha|alnum|upper|lower|punct|print|graph):\]")
RANGE = re.compile("[^\x00-\x7f]-[^\x00-\x7f]")
ATOM = re.compile(r"\\.|\[\^?\]?(?:\[:\w+:\]|[^]])*\]|.")
COUNT = re.compile(r"\*|\+|\?|\{(\d+)(,?)(\d*)\}")


# ---- characters ----

def with_classes(expression, members):
    """The same with what is beyond ASCII in each class written down: `members` says what that is."""
    def spelled(found):
        atom = found[0]
        if atom in (r"\w", r"\W"):
            return f"[{'^' * (atom[1] == 'W')}a-zA-Z0-9_{members('alnum')}]"
        if atom[:2] == "[^":  # of these bastion leaves out more
            return CLASS.sub(lambda c: ASCII[c[1]] + members(c[1]), atom)
        return CLASS.sub(lambda c: c[0] + members(c[1]), atom) if atom[0] == "[" else atom
    return ATOM.sub(spelled, expression)


def with_ranges(expression):
    """The same with no range beyond ASCII, but the characters of oracle.c that are in it."""
    return RANGE.sub(lambda r: "".join(c for c in BEYOND if r[0][0] <= c <= r[0][2]), expression)


# ---- the expression as a tree ----

def parse(expression):
    """("atom", spelling), ("begin",), ("end",), ("nothing",), ("both", a, b), ("either", a, b), ("times", a, least, most)."""
    at = 0

    def either():
        nonlocal at
        tree = both()
        while expression[at:at + 1] == "|":
            at += 1
            tree = ("either", tree, both())
        return tree

    def both():
        tree = None
        while at < len(expression) and expression[at] not in "|)":
            part = times()
            tree = part if tree is None else ("both", tree, part)
        return tree or ("nothing",)

    def times():
        nonlocal at
        if expression[at] == "(":
            at += 1
            tree = either()
            at += 1
        else:
            spelling = ATOM.match(expression, at)[0]
            tree = {"^": ("begin",), "$": ("end",)}.get(spelling, ("atom", spelling))
            at += len(spelling)
        while found := COUNT.match(expression, at):
            at = found.end()
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(found[0], (0, 0))
            if found[0][0] == "{":
                least = int(found[1])
                most = least if not found[2] else int(found[3]) if found[3] else None
            tree = ("times", tree, least, most)
        return tree

    return either()


def spell(tree):
    """With no repetition but * and ?: what is counted is written so often."""
    kind, *parts = tree
    if kind == "times":
        part, least, most = f"({spell(parts[0])})", parts[1], parts[2]
        if parts[0][0] in ("begin", "end", "nothing"):
            part = f"({part})"
        rest = f"{part}*" if most is None else ""
        for _ in range(most - least if most is not None else 0):
            rest = f"({part}{rest})?"
        return part * least + rest or "()"
    if kind == "either":
        return f"({spell(parts[0])}|{spell(parts[1])})"
    return {"atom": lambda: parts[0], "begin": lambda: "^", "end": lambda: "$", "nothing": lambda: "()",
            "both": lambda: spell(parts[0]) + spell(parts[1])}[kind]()


def has(tree, wanted):
    return wanted(tree) or any(has(part, wanted) for part in tree[1:] if isinstance(part, tuple))


def is_anchor(tree):
    return tree[0] in ("begin", "end")


def repeats_anchor(tree):
    """Whether an anchor is in something of which there are copies."""
    return has(tree, lambda t: t[0] == "times" and t[3] != 1 and has(t[1], is_anchor))


def repeats_count(tree):
    """Whether something of which there are copies is in something that is repeated."""
    def counted(t):
        return t[0] == "times" and (t[2] > 1 or (t[3] or 0) > 1)
    return has(tree, lambda t: t[0] == "times" and has(t[1], counted))


# ---- musl's reading of anchors ----

def musl_matches(tree, text, is_in):
    """As musl has it, a part that can be empty is so in one way alone: the first alternative that can be, and what is repeated
    once rather than not at all if it can be empty itself. What anchors are on that way must hold. `is_in` says whether a
    character is of an atom."""
    end = len(text)

    def hold(places, anchors):
        return places & ({0} if "begin" in anchors else places) & ({end} if "end" in anchors else places)

    def empty(t):
        """The anchors of that way, or None where there is none."""
        if t[0] in ("begin", "end"):
            return {t[0]}
        if t[0] in ("nothing", "atom"):
            return set() if t[0] == "nothing" else None
        if t[0] == "both":
            a, b = empty(t[1]), empty(t[2])
            return None if a is None or b is None else a | b
        if t[0] == "either":
            a = empty(t[1])
            return a if a is not None else empty(t[2])
        inside = empty(t[1])
        if t[3] == 0 or (t[2] < 1 and inside is None) or (t[2] == 0 and (t[3] or 0) > 1):
            return set()
        return inside

    def reach(t, places):
        """The places behind one character or more."""
        if t[0] == "atom":
            return {p + 1 for p in places if p < end and is_in(t[1], text[p])}
        if t[0] == "both":
            return follow(t[2], *follow(t[1], set(), places))[0]
        if t[0] == "either":
            return reach(t[1], places) | reach(t[2], places)
        if t[0] != "times" or t[3] == 0:
            return set()
        behind, still = set(), places
        if t[2] > 1 or (t[3] or 0) > 1:
            for _ in range(t[2]):
                behind, still = follow(t[1], behind, still)
            found = set(behind)
            for _ in range((t[3] or 0) - t[2]):
                behind, still = follow(t[1], behind, still)
                found |= behind
            return found if t[3] is not None else follow(("times", t[1], 0, None), behind, still)[0]
        found = more = reach(t[1], places)
        while more and t[3] is None:
            more = reach(t[1], more) - found
            found = found | more
        return found

    def follow(t, behind, still):
        """Of places that are behind a character, and of those where there has been none yet: both behind the next part."""
        anchors = empty(t)
        found = reach(t, behind | still)
        return (found, set()) if anchors is None else (found | hold(behind, anchors), hold(still, anchors))

    behind, still = follow(tree, set(), {0})
    return end in behind | still
