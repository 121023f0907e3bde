"""The documents say the same as the program: README, the manual pages and the table of settings in src/core/settings_table.c name the same
settings with the same defaults; `--help` and the manual the same programs, commands and options; and every link leads somewhere.

Each comparison takes texts, so that the tests below can also see that it notices a row that is removed or changed."""
import itertools
import re
import stat
import subprocess
from pathlib import Path

import pytest
from harness import BASTION

TOP = Path(__file__).parents[2]
# With its macros replaced.
SOURCE = subprocess.run(["gcc", "-E", "-P", "-D_GNU_SOURCE", "-I", TOP / "src", "-isystem", TOP / "build/vendor/bearssl/inc", TOP / "src/core/settings_table.c"],
                        capture_output=True, text=True, check=True).stdout
README = (TOP / "README.md").read_text()
SETTINGS = (TOP / "src/bastion-settings.5").read_text()
PROGRAMS = (TOP / "src/bastion.8").read_text()
DOCKER = (TOP / "src/bastion-docker.1").read_text()
# Those whose default is no word of settings_table.c, but follows from something else.
DERIVED = {"COMMAND_LOCK", "ON_DISCONNECT", "DOCKER_GROUP", "NO_NEW_PRIVS", "RUN_AS", "DOCKER"}


# ---- settings: {name: default}, "" where there is none ----

def settings_of_source(text):
    table = text[text.index("spec[SETTING_COUNT] = {"):]
    table = table[:table.index("\n};")]
    rows = re.findall(r'\[SETTING_(\w+)\]\s*=\s*\{\s*"(\w+)",(.*?)\}', table, re.S)
    assert len(rows) == table.count("[SETTING_") - 1 > 30 and all(identifier == name for identifier, name, _ in rows)
    defaults = {name: re.findall(r'\.preset\s*=\s*"(.*?)"', rest) for _, name, rest in rows}
    return {name: default[0] if default else "" for name, default in defaults.items()}


def choices_of_source(text):
    return {name: words.split() for name, words in re.findall(r'\{\s*"(\w+)",[^}]*?\.words\s*=\s*"(.*?)"', text, re.S)}


def entries(text):
    """Of the manual: what stands below each setting."""
    section = re.search(r"^\.Sh SETTINGS\n(.*?)^\.Sh ", text, re.S | re.M)[1]
    parts = re.split(r"^\.It Ev (\w+)$", section, flags=re.M)[1:]
    assert len(parts) // 2 == len(set(parts[::2])), "a setting stands there twice"
    return dict(zip(parts[::2], parts[1::2]))


def settings_of_manual(text):
    defaults = {name: re.match(r"\nDefault: (.*)\.\n", entry) for name, entry in entries(text).items()}
    return {name: default[1] if default else "" for name, default in defaults.items()}


def settings_of_readme(text):
    table = re.search(r"^\| setting \| default \| meaning \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", text, re.M)[1]
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.replace("| |", "|  |").splitlines()]
    return {row[0].strip("`"): row[1].replace("`", "") for row in rows}


def differing_settings(source, manual, readme):
    code, page, table = settings_of_source(source), settings_of_manual(manual), settings_of_readme(readme)
    wrong = [name for name in set(code) | set(page) | set(table) if len({texts.get(name) for texts in (page, table)}) != 1 or name not in code]
    wrong += [name for name in code if name not in DERIVED and code[name] != page.get(name)]
    wrong += [name for name in DERIVED if code.get(name) or not page.get(name)]
    words = {name: [word for word in words if f".Ql {word}" not in entries(manual).get(name, "") and word != page.get(name)]
             for name, words in choices_of_source(source).items()}
    return sorted({*wrong, *(name for name, missing in words.items() if missing)})


def test_settings():
    assert differing_settings(SOURCE, SETTINGS, README) == []


def changed(text, pattern, replacement):
    result, n = re.subn(pattern, replacement, text, count=1, flags=re.M | re.S)
    assert n == 1
    return result


@pytest.mark.parametrize("where, pattern, replacement, noticed", [
    ("source", r'\[SETTING_AUDIT_MASK\].*?\},', "", "AUDIT_MASK"),
    ("source", r'(\[SETTING_HTTP_HOLD_MS\].*?)"1000"', r'\1"2000"', "HTTP_HOLD_MS"),
    ("source", r'"off body"', '"off body file"', "HTTP_STDIN"),
    ("manual", r'\.It Ev TLS_KEY\n.*?(?=\.It)', "", "TLS_KEY"),
    ("manual", r'\.It Ev TLS_KEY\n', ".It Ev TLS_KEY\nDefault: 1.\n", "TLS_KEY"),
    ("manual", r'Default: 8443\.', "Default: 443.", "HTTPS_PORT"),
    ("manual", r'Default: skip; in broker mode off\.', "Default: wait.", "COMMAND_LOCK"),
    ("manual", r'\.Ql masked :', ".Ql mask :", "AUDIT_REQUEST"),
    ("readme", r'^\| `SSH_KEYS` .*?\n', "", "SSH_KEYS"),
    ("readme", r'(\| `SSH_PORT` \|) 22', r"\1 2222", "SSH_PORT"),
    ("readme", r'(\| `DOCKER_GROUP` \|) [^|]* \|', r"\1 |", "DOCKER_GROUP"),
    ("readme", r'^\| `TLS_KEY`', "| `TLS_KEYS`", "TLS_KEY"),
])
def test_a_difference_in_settings_is_noticed(where, pattern, replacement, noticed):
    texts = {"source": SOURCE, "manual": SETTINGS, "readme": README}
    texts[where] = changed(texts[where], pattern, replacement)
    assert noticed in differing_settings(*texts.values())


# ---- programs and their options ----

def shown(*words, called="bastion"):
    done = subprocess.run([called, *words, "--help"], executable=BASTION, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def usages_of_help(text):
    """{program: its line without `bastion`}"""
    return {line.split()[1]: " ".join(line.split()[1:]) for line in text.splitlines() if line.startswith("  bastion ")}


def usages_of_manual(text):
    """The synopsis, written as --help writes it."""
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", text, re.S | re.M)[1]
    usages = {}
    for one in synopsis.split(".Nm bastion\n"):
        words = re.sub(r"^\.", "", one, flags=re.M).replace(" ...", "...").split()
        if words[:1] != ["Cm"]:
            continue  # bastion --help, bastion --version
        line, depth, op = "", 0, False
        for row in re.sub(r"^\.", "", one, flags=re.M).splitlines():
            op, after_flag = False, False
            for word in row.split():
                if word == "Op":
                    op, line = True, line + " ["
                elif word == "Oo":
                    depth, line = depth + 1, line + " ["
                elif word == "Oc":
                    depth, line = depth - 1, line + "]"
                elif word == "Fl":
                    after_flag = True
                elif word in ("Cm", "Ar"):
                    after_flag = False
                elif word == "...":
                    line += "..."
                else:
                    line += " " + ("-" if after_flag else "") + word
                    after_flag = False
            line += "]" if op else ""
        assert depth == 0
        usages[words[1]] = line.strip().replace("[ ", "[")
    return usages


def differing_programs(help_text, manual):
    told, written = usages_of_help(help_text), usages_of_manual(manual)
    described = set(re.findall(r"^\.It Cm (\w+)$", re.search(r"^\.Sh DESCRIPTION\n(.*?)^\.Sh ", manual, re.S | re.M)[1], re.M))
    return sorted(name for name in set(told) | set(written) | described if told.get(name) != written.get(name) or name not in described)


def test_programs():
    """`docker` has its options in a page of its own."""
    manual = PROGRAMS.replace(".Op Fl H Ar HOST\n", "")
    assert differing_programs(shown(), manual) == []


@pytest.mark.parametrize("pattern, replacement, noticed", [
    (r"\.Nm bastion\n\.Cm health\n", "", "health"),
    (r"\.Op Fl -prepare\n", "", "ssh"),
    (r"\.Op Fl -address Ar ADDRESS", ".Op Fl -port Ar ADDRESS", "init"),
    (r"\.It Cm cert\n", "", "cert"),
])
def test_a_difference_in_programs_is_noticed(pattern, replacement, noticed):
    manual = PROGRAMS.replace(".Op Fl H Ar HOST\n", "")
    assert differing_programs(shown(), changed(manual, pattern, replacement)) == [noticed]


@pytest.mark.parametrize("name", usages_of_manual(PROGRAMS))
def test_help_of_each_program(name):
    """Its first line is the one that `bastion --help` has; its options are explained in the manual."""
    first, text = shown(name).split("\n", 1)
    usage = usages_of_help(shown())[name]
    assert first == f"usage: bastion {usage}"
    options = set(re.findall(r"--[a-z][a-z-]*", usage))
    assert set(re.findall(r"(?<![a-z])--[a-z][a-z-]*", text)) <= options
    described = PROGRAMS[PROGRAMS.index(".Sh DESCRIPTION"):]
    assert all(re.search(rf"^\.Fl {option[1:]}\b", described, re.M) for option in options)


# ---- the Docker client's commands and their options ----

def options_of_help(text):
    found = re.findall(r"^ {2,6}(?:(-\w), )?(--[a-z][a-z-]*)", text, re.M)
    return {option for pair in found for option in pair if option}


def commands_of_manual(text):
    """{command: its options}; "" is the client itself."""
    commands, at, depth = {"": set()}, "", 0
    for line in text.splitlines():
        depth += line.startswith(".Bl") - line.startswith(".El")
        if depth == 1 and line.startswith(".It Cm "):
            at = re.match(r"\.It Cm ((?:service )?[a-z]+)", line)[1]
            assert at not in commands
            commands[at] = set()
        elif line.startswith(".It Fl "):
            commands[at if depth == 2 else ""] |= {"-" + word for word in re.findall(r"Fl (-?[a-zA-Z][a-z-]*)", line)}
    return commands


def commands_of_help():
    commands = {"": options_of_help(shown(called="docker")) | {"-h", "--help"}}
    for group in ("", "service", "container", "system"):
        listed = shown(*group.split(), called="docker").split("Commands:\n")[1]
        for name in re.findall(r"^  (\w+)", listed, re.M):
            path = f"{group} {name}".strip()
            commands[path] = options_of_help(shown(*path.split(), called="docker"))
    return commands


# Other names of commands: both have the same options, and the page names them beside the first.
SAME = {"container ls": "ps", "container list": "ps", "service list": "service ls", "system info": "info"}


def differing_commands(told, text):
    written = commands_of_manual(text)
    for path in told:
        other = SAME.get(path) or path.removeprefix("container ")
        if other != path:
            written[path] = written.get(other) if path not in SAME or f".Ql docker {path}" in text else None
    return sorted(path for path in set(told) | set(written) if told.get(path) != written.get(path))


def test_docker():
    told = commands_of_help()
    assert len(told) > 30 and differing_commands(told, DOCKER) == []


@pytest.mark.parametrize("words", [[], ["ps"], ["service", "update"]], ids=str)
def test_short_for_help(words):
    done = subprocess.run(["docker", *words, "-h"], executable=BASTION, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, shown(*words, called="docker"))


def test_a_difference_in_docker_is_noticed():
    told = commands_of_help()
    for pattern, replacement, noticed in (
            (r"\.It Cm pause Ar.*?\n", "", "pause"),
            (r"\.It Fl -detach-keys Ar KEYS\n.*?\n", "", "exec"),
            (r"\.It Fl l , Fl -link", ".It Fl l , Fl -links", "rm"),
            (r"\.It Fl q , Fl -quiet\nShow no", ".It Fl -quiet\nShow no", "service update"),
            (r"docker system info", "docker info", "system info"),
            (r"\.It Fl H , Fl -host", ".It Fl H", "")):
        assert noticed in differing_commands(told, changed(DOCKER, pattern, replacement))


# ---- links, and the pages' installation ----

def tracked(pattern):
    """Not in build, where things change meanwhile."""
    folders = [path for path in TOP.iterdir() if path.is_dir() and path.name not in ("build", ".git")]
    return sorted(itertools.chain(TOP.glob(pattern), *(folder.rglob(pattern) for folder in folders)))


def headings(text):
    """The anchors that a heading gets: small letters, no punctuation, dashes for spaces."""
    lines = re.sub(r"^(    |```).*", "", text, flags=re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", lines, re.M)}


@pytest.mark.parametrize("page", tracked("*.md"), ids=lambda page: str(page.relative_to(TOP)))
def test_links(page):
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        target = (page.parent / path) if path else page
        assert target.exists(), path
        assert not anchor or anchor in headings(target.read_text()), f"{path}#{anchor}"


def test_references_between_the_pages():
    """What a page calls a section, of its own or in another page's reference, is one."""
    for text in (PROGRAMS, SETTINGS, DOCKER):
        sections = set(re.findall(r"^\.S[hs] (.*)", text, re.M))
        assert set(re.findall(r"\bSx ([A-Za-z ]+?)(?: [.,;:]| \.?$|$)", text, re.M)) <= sections


def test_citations_in_tests():
    """(bastion(8), SSH): the section is there."""
    pages = {"bastion(8)": PROGRAMS, "bastion-settings(5)": SETTINGS}
    found = 0
    for path in itertools.chain(tracked("*.py"), tracked("*.[ch]")):
        for page, section in re.findall(r"\(?(bastion(?:-settings)?\([58]\)), ([A-Z][A-Z ]+[A-Z])\b", path.read_text()):
            found += 1
            assert re.search(rf"^\.S[hs] {section}$", pages[page], re.M), (path, section)
    assert found > 15


def test_installation(tmp_path):
    """`make install` puts the programs and the pages where they are looked for. Nothing is made anew meanwhile."""
    subprocess.run(["make", "-s", "-o", "build/bastion", "-o", "build/tinysshd", "-C", TOP, "install", f"DESTDIR={tmp_path}", "PREFIX=/usr"], check=True, timeout=60)
    modes = {str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {"usr/bin/bastion": 0o711, "usr/lib/bastion/tinysshd": 0o755, "usr/share/man/man8/bastion.8": 0o644,
                     "usr/share/man/man5/bastion-settings.5": 0o644, "usr/share/man/man1/bastion-docker.1": 0o644,
                     "usr/share/doc/bastion/licences": 0o644, "usr/share/doc/bastion/CHANGELOG.md": 0o644}
    licences = (tmp_path / "usr/share/doc/bastion/licences").read_text()
    for words in ("the bastion authors", "Rich Felker", "Thomas Pornin", "TinySSH is hereby placed into the public domain"):
        assert words in licences
    assert "Herbert Xu" not in licences  # of the image's shell


def test_version():
    """The newest notes are those of this version."""
    version = subprocess.run([BASTION, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert re.findall(r"^## (\S+)", (TOP / "src/CHANGELOG.md").read_text(), re.M)[0] == version


# ---- examples of containers ----

def unlimited(text):
    """Of an example's text: what has no bound on memory or, but for Kubernetes, on processes."""
    services = len(re.findall(r"^ +(?:- name: bastion\n +)?(?:image: bastion|build: \.)$", text, re.M))
    if "apiVersion:" in text:
        return services != len(re.findall(r"^ +limits: \{memory: \w+\}$", text, re.M)) or "podPidsLimit" not in text
    swarm = len(re.findall(r"^ +limits: \{memory: \w+, pids: \d+\}$", text, re.M))
    return not services or any(len(re.findall(rf"^ +{key}: \w+$", text, re.M)) + swarm < services for key in ("pids_limit", "mem_limit"))


def test_examples_have_limits():
    files = tracked("*.yaml")
    assert len(files) > 7 and [path for path in files if unlimited(path.read_text())] == []
    runs = [run for page in tracked("*.md") for run in re.findall(r"^ +docker run (?:.*\\\n)*.*$", page.read_text(), re.M)]
    assert len(runs) > 1 and all("--pids-limit " in run and "--memory " in run for run in runs)


@pytest.mark.parametrize("path", tracked("*.yaml"), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_limit_that_is_missing_is_noticed(path):
    text = path.read_text()
    assert unlimited(re.sub(r"^ +(mem_limit|limits): .*\n", "", text, flags=re.M))
    assert "apiVersion:" in text or unlimited(re.sub(r"^ +pids_limit: .*\n|, pids: \d+", "", text, flags=re.M))


# ---- words of the sources ----

def test_words_that_nobody_can_guess():
    """src/README.md has the field's own for what these once stood for."""
    found = [f"{path.relative_to(TOP)}: {word}" for folder in ("src", "init") for path in (TOP / folder).rglob("*") if path.is_file()
             for word in re.findall(r"\b(?:house|ground|wish|papers|stranger)\b", path.read_text())]
    assert found == []
