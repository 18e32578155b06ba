# SPDX-License-Identifier: MIT
"""script/lint refuses what it says it refuses: a small tree that is in order, and one bad file for
every check. Run by script/test, or by `python3 -m pytest tests/lint_test.py`."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEAD = "/* SPDX-License-Identifier: MIT\n *\n * A file. */\n"
TABLE = "/* A table.\n *\n * To add one: a row. */\nROW(one)\n"
PROGRAM = '#!/bin/sh\n[ "$1" = generate ] && echo "text of $2"\n'


def header(guard, body=""):
    return f"{HEAD}#ifndef {guard}\n#define {guard}\n\n{body}#endif\n"


def function(lines, name="long_one"):
    """A function of so many lines, signature and braces included."""
    return f"void {name}(int *count)\n{{\n" + "    (*count)++;\n" * (lines - 3) + "}\n"


# A signature of two lines counts with both, and the struct before it does not.
TWO_LINES = """
struct pair {
    int a;
};

static void two_lines(struct pair *the_first_of_the_two_arguments,
                      struct pair *the_second_of_the_two)
{
""" + "    return;\n" * 67 + "}\n"


class Tree:
    def __init__(self, root):
        self.root = root
        lines = (ROOT / "script" / "lint.toml").read_text().split("[[untested]]")[0]
        self.write("script/lint.toml", lines)
        self.write("script/lint", (ROOT / "script" / "lint").read_text())
        self.write(".clang-format", (ROOT / ".clang-format").read_text())
        self.write("src/base/thing.h", header("AG_BASE_THING_H", "int thing_count(void);\n\n"))
        self.write("src/base/thing.c", HEAD + '#include "base/thing.h"\n\n'
                   "int thing_count(void)\n{\n    return 1;\n}\n")
        self.write("src/base/things.def", TABLE)
        self.write("tests/unit/base/thing_test.c", HEAD)
        self.write("tests/unit/base/meson.build", "foreach name : [\n  'thing',\n]\n")
        self.write("build/attach-gateway", PROGRAM)
        os.chmod(self.path("build/attach-gateway"), 0o755)
        generated = re.search(r"\[generated\]\n(.*?)\n\n", lines, re.DOTALL).group(1)
        for file, name in re.findall(r"^'(.+)' = \"(.+)\"$", generated, re.MULTILINE):
            self.write(file, f"text of {name}\n")

    def path(self, name):
        return self.root / name

    def write(self, name, text):
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).write_text(text)

    def append(self, name, text):
        self.write(name, self.path(name).read_text() + text)

    def lint(self, *arguments, **environment):
        """The exit code and the findings."""
        command = ["/usr/bin/python3", str(self.path("script/lint")), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.root,
                              env=os.environ | environment, check=False)
        lines = done.stdout.strip().split("\n")
        assert done.stderr == ""
        assert re.match(rf"lint: \d+ files, {len(lines) - 1} findings, ", lines[-1])
        return done.returncode, lines[:-1]


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    return Tree(tmp_path)


def expect_one(tree, place, what, *arguments, **environment):
    """Exactly this finding, and no other."""
    code, findings = tree.lint(*arguments, **environment)
    assert len(findings) == 1, findings
    assert findings[0].startswith(place + ": ") and what in findings[0], findings
    assert code == 1


def test_a_tree_in_order_has_no_findings(tree):
    assert tree.lint() == (0, [])


def test_every_check_has_a_bad_file_here():
    names = re.search(r"CHECKS = \[(.*?)\]", (ROOT / "script" / "lint").read_text(), re.DOTALL)
    checks = {name.strip() for name in names.group(1).split(",") if name.strip()}
    assert checks == {check for check, *_ in BAD_FILES} | OTHER_CHECKS


# Checks that need more than one bad file: they have tests of their own below.
OTHER_CHECKS = {"generated_files", "check_untested", "check_tests_run"}

# (check, file, text, line of the finding, what it says)
BAD_FILES = [
    ("check_format", "bench/a.c", HEAD + "int   a;\n", 4, "not spaced"),
    ("check_licence", "bench/a.c", "int a;\n", 1, "no licence"),
    ("check_licence", "bench/a.h", "#ifndef A_H\n#define A_H\n#endif\n", 1, "no licence"),
    ("check_licence", "bench/a.py", "a = 1\n", 1, "no licence"),
    ("check_licence", "script/a", "#!/usr/bin/env bash\ntrue\n", 1, "no licence"),
    ("check_licence", "script/b", "#!/usr/bin/python3\na = 1\n", 1, "no licence"),
    ("check_tables", "src/base/a.def", "/* A table. */\nROW(one)\n", 1, "To add one"),
    ("check_tables", "src/base/a.def", "ROW(one)\n/* To add one: a row. */\n", 1, "To add one"),
    ("check_shell", "script/a", f"#!/bin/sh\n# {HEAD[3:31]}\nif true\n", 4, "bash cannot read"),
    ("check_python", "bench/a.py", f"# {HEAD[3:31]}\ndef a(:\n", 2, "python cannot read"),
    ("check_sizes", "bench/a.c", HEAD + "// " + "x" * 98 + "\n", 4, "101 columns"),
    ("check_sizes", "src/base/a.def", "/* To add one: a row. " + "x" * 77 + " */\n", 1,
     "102 columns"),
    ("check_sizes", "bench/a.h", header("A_H", "extern int a;\n" * 194), 1, "201 lines"),
    ("check_sizes", "bench/a.c", HEAD + "extern int a;\n" * 798, 1, "801 lines"),
    ("check_sizes", "bench/a.c", HEAD + "\nint a;\n\n" + function(71), 7, "71 lines"),
    ("check_sizes", "bench/a.c", HEAD + TWO_LINES, 9, "71 lines"),
    ("check_sizes", "bench/a.c", HEAD + "int a; /* check-size: it is not large */\n", 4,
     "exempts nothing"),
    ("check_exemptions", "bench/a.c", HEAD + "int a; /* check-size: */\n", 4, "without a reason"),
    ("check_dependency_law", "src/base/things.def", TABLE + '#include "net/a.h"\n', 5,
     "base may not include net"),
    ("check_dependency_law", "src/auth/a.def", TABLE + '#include "proxy/a.h"\n', 5,
     "auth may not include proxy"),
    ("check_dependency_law", "src/http/a.def", TABLE + '#include "exchange/a.h"\n', 5,
     "http may not include exchange"),
    ("check_dependency_law", "src/auth/a.def", TABLE + '#include "a.h"\n', 5, "names no folder"),
    ("check_dependency_law", "src/fresh/a.def", TABLE, 1, "has no place"),
    ("check_headers", "bench/a.h", header("A_H", "size_t a(void);\n\n"), 1,
     "does not compile alone"),
    ("check_headers", "bench/a.h", HEAD + "struct a {\n    int b;\n};\n", 1,
     "does not compile alone"),
    ("check_words", "src/base/a.def", TABLE + "ROW(the_Upstream)\n", 5, "say engine"),
    ("check_words", "src/base/a.def", TABLE + "/* downstream */\n", 5, "say client"),
    ("check_prefixes", "bench/a.c", HEAD + "int curl_ours(void);\n", 4, "looks like a library's"),
    ("check_prefixes", "bench/a.c", HEAD + "static char *PQours(int a)\n{\n    return 0;\n}\n", 4,
     "looks like a library's"),
    ("check_text", "docs/a.md", "from https://registry.npmjs" + ".org/x\n", 1, "registry"),
    ("check_text", "docs/a.md", "\nfrom pypi" + ".org\n", 2, "registry"),
    ("check_text", "docs/a.md", "from deb.debian" + ".org\n", 1, "registry"),
    ("check_text", "docs/a.md", "see /work" + "/main\n", 1, "a path of one machine"),
]
BAD_FILES += [("check_calls", "bench/a.c",
               HEAD + f'void a(void)\n{{\n    (void){call}("a"); /* {call}() */\n}}\n', 6,
               f"{call} is banned")
              for call in ("strcpy", "strcat", "sprintf", "vsprintf", "strtok", "atoi", "atol",
                           "strtol", "strtoul", "gets", "alloca", "system", "localtime", "gmtime",
                           "ctime")]


@pytest.mark.parametrize("check, file, text, line, what", BAD_FILES,
                         ids=[f"{bad[0][6:]}-{i}" for i, bad in enumerate(BAD_FILES)])
def test_a_bad_file_is_refused(tree, check, file, text, line, what):
    tree.write(file, text)
    os.utime(tree.path("build/attach-gateway"))
    expect_one(tree, f"{file}:{line}", what)


def test_what_only_looks_bad_is_let_through(tree):
    tree.write("bench/a.c", HEAD + """
/* strcpy(a, b); SSL_new(x) */
static const char *a = "system(1)";

struct pair {
    int first;
};

void local_system(int *count)
{
    SSL_write(a);
    gmtime_r(count);
    x->gets(count);
}

""" + function(70) + "/* " + "x" * 94 + " */\n")
    tree.write("src/base/a.def", TABLE + "ROW(" + "x" * 200 + ")\n")
    tree.write("src/gateway/a.def", TABLE + '#include "auth/a.h"\n#include "base/a.h"\n')
    tree.write("src/auth/a.def", TABLE + '#include "auth/a.h"\n#include "exchange/a.h"\n')
    os.utime(tree.path("build/attach-gateway"))
    assert tree.lint() == (0, [])


def test_exemptions_that_are_needed_are_counted(tree):
    tree.write("bench/a.c", HEAD + "/* check-size: one table of states */\n\n"
               "/* check-size: reads best in one piece */\n" + function(71) +
               "extern int a;\n" * 800)
    assert tree.lint() == (0, [])
    command = ["/usr/bin/python3", str(tree.path("script/lint"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ", 2 size exemptions, " in done.stdout


def test_an_exempted_function_does_not_exempt_the_next(tree):
    tree.write("bench/a.c", HEAD + "\nint a;\n\n/* check-size: in one piece */\n" + function(71) +
               "\n" + function(72, "another"))
    expect_one(tree, "bench/a.c:80", "72 lines")


def test_a_source_without_a_test_needs_a_reason(tree):
    tree.write("src/base/alone.c", HEAD)
    expect_one(tree, "src/base/alone.c:1", "no tests/unit/base/alone_test.c")
    tree.append("script/lint.toml", '[[untested]]\nreason = "x"\nfiles = ["src/base/alone.c"]\n')
    assert tree.lint() == (0, [])


@pytest.mark.parametrize("reason, file, what", [
    ("x", "src/base/thing.c", "has a test now"),
    ("x", "src/base/gone.c", "is gone"),
    ("", "src/base/alone.c", "without a reason"),
])
def test_a_reason_that_is_not_needed_or_empty_is_refused(tree, reason, file, what):
    if "alone" in file:
        tree.write(file, HEAD)
    tree.append("script/lint.toml", f'[[untested]]\nreason = "{reason}"\nfiles = ["{file}"]\n')
    expect_one(tree, "script/lint.toml:1", what)


def test_a_test_that_nobody_runs_is_refused(tree):
    tree.write("tests/unit/base/meson.build", "foreach name : [\n]\n")
    expect_one(tree, "tests/unit/base/thing_test.c:1", "nobody runs it")


def test_a_generated_file_that_differs_or_is_missing_is_refused(tree):
    tree.append("docs/routes.md", "more\n")
    expect_one(tree, "docs/routes.md:1", "generate routes")
    tree.path("docs/routes.md").unlink()
    expect_one(tree, "docs/routes.md:1", "generate routes")


def test_a_program_that_cannot_print_is_refused(tree):
    tree.write("build/attach-gateway", PROGRAM + '[ "$2" != man ] || exit 3\n')
    expect_one(tree, "docs/attach-gateway.1:1", "failed with 3")


def test_without_the_program_nothing_is_said_to_be_equal(tree):
    tree.path("build/attach-gateway").unlink()
    expect_one(tree, "build/attach-gateway:1", "is missing")


def test_an_old_program_is_refused(tree):
    os.utime(tree.path("build/attach-gateway"), (1, 1))
    expect_one(tree, "build/attach-gateway:1", "older than src/base/things.def")


def test_another_program_can_be_named(tree):
    shutil.move(tree.path("build/attach-gateway"), tree.path("build/other"))
    assert tree.lint("--binary", str(tree.path("build/other"))) == (0, [])


def test_fix_mends_what_can_be_mended(tree):
    tree.write("bench/a.c", HEAD + "int   a;\n")
    tree.path("docs/routes.md").unlink()
    tree.append(".env.example", "more\n")
    assert tree.lint()[0] == 1
    assert tree.lint("--fix") == (0, [])
    assert tree.path("bench/a.c").read_text() == HEAD + "int a;\n"
    assert tree.path("docs/routes.md").read_text() == "text of routes\n"
    assert tree.path(".env.example").read_text() == "text of env-example\n"
    assert tree.lint() == (0, [])


@pytest.mark.parametrize("program, what", [
    ("clang-format", "clang-format is missing"),
    ("pkg-config", "pkg-config is missing"),
    ("gcc", "gcc is missing"),
])
def test_a_missing_program_is_no_reason_to_skip(tree, program, what):
    folder = tree.path("build/programs")
    folder.mkdir()
    for name in {"clang-format", "pkg-config", "gcc", "bash", "sh"} - {program}:
        folder.joinpath(name).symlink_to(shutil.which(name))
    code, findings = tree.lint(PATH=str(folder), CC="gcc")
    assert code == 1 and any(what in finding for finding in findings)
    expected = {"gcc": "src/base/thing.h:1"}.get(program, "script/lint:1")
    assert all(finding.startswith(expected) for finding in findings)


def test_files_that_git_ignores_are_left_alone(tree):
    tree.write(".gitignore", "/ignored/\n")
    tree.write("ignored/a.c", "int   a;\n")
    tree.write("untracked/a.c", "int a;\n")
    subprocess.run(["git", "init", "--quiet", str(tree.root)], check=True)
    # the stand-in for the program is an ordinary file of this tree
    tree.append(".gitignore", "/build/\n")
    expect_one(tree, "untracked/a.c:1", "no licence")
