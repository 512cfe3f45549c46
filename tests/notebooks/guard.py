"""The rules that every notebook keeps and that strict nbval cannot see.

nbval runs the cells again and compares what they print. It does not compare pictures, it does
not compare a cell that was stored without a count, and it does not read prose. Each rule below
is a function from a lesson to a list of findings, one sentence each; an empty list is a pass.

``RULES_FOR_ALL`` hold in every notebook, ``RULES_FOR_LESSONS`` in all but 13 and 14: these two are
all practice and have an anatomy of their own.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import nbformat

COURSE = (
    "00_start_here",
    "01_hold_numbers_in_tensors",
    "02_pose_the_problem",
    "03_descend_with_numpy",
    "04_move_to_torch",
    "05_let_autograd_find_the_gradient",
    "06_write_your_own_autograd_function",
    "07_stack_layers_with_nn",
    "08_choose_an_optimiser",
    "09_build_your_own_module",
    "10_change_the_graph_on_the_fly",
    "11_train_a_two_layer_network",
    "12_find_the_learning_rate",
    "13_repair_broken_training_loops",
    "14_fit_your_own_function",
    "15_train_in_mini_batches",
    "16_measure_the_curvature_of_a_network",
    "17_train_a_network_for_real",
)
PRACTICE = COURSE[13:15]

TAGS = {
    "exercise", "check", "question", "answers", "solution", "promise",
    "raises-exception", "nbval-ignore-output",
}
CELL_METADATA = {"tags", "jupyter", "code_fingerprint", "nbgrader", "slideshow", "transient"}
NOTEBOOK_METADATA = {"kernelspec", "language_info"}
LONGEST_CELL = 20  # lines
LONGEST_LINE = 79  # columns: what a laptop's page shows without cutting it off
MOST_CHECKS = 0.05  # of the lesson's lines in sight, assertions of shapes not counted
MOST_DECIMALS = 6
# How the verdict of a checker begins.
UNTRIED, PASSED = ("Not attempted yet:", "Not repaired yet:"), "Right:"
LAST_SECTIONS = ["Check yourself", "On your own", "In this notebook we", "Answers"]

CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
HEADING = re.compile(r"(#{1,6}) +(.+?)\s*")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(`+)[^`].*?\1")
LINK = re.compile(r"\[([^\]]*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?: +\"[^\"]*\")?\)")
HTML_LINK = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=[\"']([^\"']*)[\"']")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
EXERCISE = re.compile(r"Exercise (\d+\.\d+) \S.*")
EFFORT = re.compile(r"\*\d+ minutes · (easy|medium|hard)\*")
NBVAL_COMMENT = re.compile(r"#+\s*(PYTEST_VALIDATE|NBVAL)_\w+")
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MACHINE = {
    "a memory address": re.compile(r"\b0x[0-9a-fA-F]{6,}"),
    "a path of the machine": re.compile(
        r"(?:^|(?<=[\s\"'`(=\[,]))(?:~/|/[\w.-]+/)[\w./-]+|\b[A-Za-z]:\\\w|\bsite-packages\b",
        re.MULTILINE,
    ),
    "a process id": re.compile(r"\bipykernel_\d+|<ipython-input-"),
}
TIME = re.compile(
    r"(?<![\w.,])\d[\d.,]*\s?(?:ns|µs|us|ms|s|sec|seconds|minutes)\b"
    r"|\b\d{1,2}:\d\d:\d\d\b|\b20\d\d-\d\d-\d\d\b|\bWall time\b"
)
MANY_DECIMALS = re.compile(  # zeros that only place the first digit do not count
    rf"(?<!\d)0\.0*[1-9]\d{{{MOST_DECIMALS},}}|[1-9]\d*\.\d{{{MOST_DECIMALS + 1},}}"
)


@dataclass(frozen=True)
class Heading:
    """A markdown heading and the index of its cell."""

    index: int
    level: int
    text: str

    @property
    def anchor(self):
        """The id that JupyterLab gives the heading."""
        return re.sub(r"[*`]", "", self.text).replace(" ", "-")


class Lesson:
    """A notebook with its name and the views of it that the rules share."""

    def __init__(self, path, notebook):
        self.path = path
        self.name = path.stem
        self.notebook = notebook
        self.cells = list(enumerate(notebook.cells))
        self.code = [(index, cell) for index, cell in self.cells if cell.cell_type == "code"]
        self.markdown = [
            (index, cell) for index, cell in self.cells if cell.cell_type == "markdown"
        ]

    @cached_property
    def headings(self):
        return [
            Heading(index, level, text)
            for index, cell in self.markdown
            for level, text in headings_of(cell.source)
        ]

    def start_of(self, section):
        """Return the index of the cell that opens a section, or the number of cells."""
        starts = [h.index for h in self.headings if (h.level, h.text) == (2, section)]
        return starts[0] if starts else len(self.cells)

    def tagged(self, tag):
        return [(index, cell) for index, cell in self.cells if tag in tags(cell)]

    @cached_property
    def exercises(self):
        """The exercises: heading, and the cells up to the next heading that is not deeper."""
        found = []
        for heading in self.headings:
            if heading.level == 3 and heading.text.startswith("Exercise"):
                ends = [h.index for h in self.headings if h.index > heading.index and h.level <= 3]
                end = min(ends, default=len(self.cells))
                found.append((heading, self.cells[heading.index : end]))
        return [(heading, cells) for heading, cells in found if self.before_answers(heading.index)]

    @cached_property
    def in_sight(self):
        """The code of the lesson itself that a reader sees: no answers, no folded cells."""
        apart = {"exercise", "check", "question", "solution", "promise"}
        return [cell for _, cell in self.code if not apart.intersection(tags(cell))]

    def below(self, index):
        """Return a list of the one cell directly below, or an empty list."""
        return self.notebook.cells[index + 1 : index + 2]

    def before_answers(self, index):
        return index < self.start_of("Answers")


def read(path):
    """Read a notebook as it is stored, without repairing it."""
    return Lesson(path, nbformat.v4.reads(path.read_text(encoding="utf-8")))


def tags(cell):
    return cell.metadata.get("tags", [])


def at(index):
    return f"Cell {index + 1}"


def headings_of(text):
    """Return the level and the text of each heading in a piece of markdown."""
    lines = FENCE.sub("", text).splitlines()
    matches = filter(None, map(HEADING.fullmatch, lines))
    return [(len(match[1]), match[2]) for match in matches]


def syntax(cell):
    """Return the syntax tree of a code cell, without nodes if it is not Python."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def nodes(lesson, kind):
    """Yield each syntax node of one kind with the index of its cell."""
    for index, cell in lesson.code:
        for node in ast.walk(syntax(cell)):
            if isinstance(node, kind):
                yield index, node


def called(cell):
    """Return the names of the functions that a cell calls without a dot."""
    calls = (node for node in ast.walk(syntax(cell)) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def checkers(cell):
    return {name for name in called(cell) if name.startswith("check_")}


def shown_text(output):
    """Return all the text that a reader sees in an output, without colour codes."""
    if output.output_type == "stream":
        parts = [output.text]
    elif output.output_type == "error":
        parts = [output.ename, output.evalue, *output.traceback]
    else:
        parts = [text for kind, text in output.data.items() if kind.startswith("text/")]
    return ANSI_COLOUR.sub("", "\n".join(parts))


def printed_text(output):
    """Return what strict nbval compares as plain text: prints and the last expression."""
    if output.output_type == "stream":
        return output.text
    return output.get("data", {}).get("text/plain", "")


def shown_by(cell):
    """Return all that a code cell prints and its last expression, as plain text."""
    return "".join(printed_text(output) for output in cell.outputs)


def has_figure(cell):
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


def has_assertion(cell):
    return any(
        isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)
        for node in ast.walk(syntax(cell))
    )


# --- The file -----------------------------------------------------------------------------


def is_on_the_map(lesson):
    return [] if lesson.name in COURSE else [f"{lesson.name} is not a notebook of the course."]


def counts_run_from_one(lesson):
    found = []
    for count, (index, cell) in enumerate(lesson.code, start=1):
        results = [out.execution_count for out in cell.outputs if "execution_count" in out]
        if {cell.execution_count, *results} != {count}:
            stored = cell.execution_count
            found.append(f"{at(index)} must have execution count {count}, has {stored}.")
    return found


def cells_are_not_empty(lesson):
    return [f"{at(index)} is empty." for index, cell in lesson.cells if not cell.source.strip()]


def ids_are_unique(lesson):
    found, seen = [], set()
    for index, cell in lesson.cells:
        if not CELL_ID.fullmatch(cell.get("id", "")):
            found.append(f"{at(index)} has no valid id.")
        elif cell.id in seen:
            found.append(f"{at(index)} has the id {cell.id!r} of an earlier cell.")
        seen.add(cell.get("id"))
    return found


def metadata_is_lean(lesson):
    """Widget states, times of execution and the like change from run to run."""
    stray = set(lesson.notebook.metadata) - NOTEBOOK_METADATA
    found = [f"The notebook's metadata must not hold {key!r}." for key in sorted(stray)]
    for index, cell in lesson.cells:
        stray = set(cell.metadata) - CELL_METADATA
        found += [f"{at(index)} must not hold the metadata {key!r}." for key in sorted(stray)]
    return found


def tags_are_known(lesson):
    found = [
        f"{at(index)} has the unknown tag {tag!r}."
        for index, cell in lesson.cells
        for tag in tags(cell)
        if tag not in TAGS
    ]
    for index, cell in lesson.code:
        if NBVAL_COMMENT.search(cell.source):
            found.append(f"{at(index)} steers nbval with a comment; use a tag.")
    return found


# --- Outputs ------------------------------------------------------------------------------


def nothing_on_stderr(lesson):
    return [
        f"{at(index)} stores text from stderr."
        for index, cell in lesson.code
        if any(output.get("name") == "stderr" for output in cell.outputs)
    ]


def no_trace_of_the_machine(lesson):
    return [
        f"{at(index)} shows {what}: {match[0].strip()!r}."
        for index, cell in lesson.code
        for output in cell.outputs
        for what, pattern in MACHINE.items()
        if (match := pattern.search(shown_text(output)))
    ]


def no_time_shown(lesson):
    return outputs_without(lesson, TIME, "a time")


def no_raw_numbers(lesson):
    return outputs_without(lesson, MANY_DECIMALS, f"more than {MOST_DECIMALS} decimals")


def outputs_without(lesson, pattern, what):
    """Find text that no two machines share; cells that nbval ignores may show it."""
    return [
        f"{at(index)} shows {what}: {match[0]!r}."
        for index, cell in lesson.code
        if "nbval-ignore-output" not in tags(cell)
        for output in cell.outputs
        if (match := pattern.search(printed_text(output)))
    ]


def no_svg(lesson):
    return [
        f"{at(index)} stores an SVG picture; it differs at every run, PNG does not."
        for index, cell in lesson.code
        if any("image/svg+xml" in output.get("data", {}) for output in cell.outputs)
    ]


def errors_are_announced(lesson):
    found = []
    for index, cell in lesson.code:
        fails = any(output.output_type == "error" for output in cell.outputs)
        if fails and "raises-exception" not in tags(cell):
            found.append(f"{at(index)} ends in an error and is not tagged raises-exception.")
        if not fails and "raises-exception" in tags(cell):
            found.append(f"{at(index)} is tagged raises-exception and shows no error.")
    return found


def ignored_outputs_have_a_reason(lesson):
    """Ask for a word of reason in the markdown just above a cell that nbval ignores."""
    found = []
    for index, _ in lesson.tagged("nbval-ignore-output"):
        above = lesson.notebook.cells[index - 1] if index else None
        prose = above.source if above and above.cell_type == "markdown" else ""
        if not re.search(r"\b(differs?|ignored)\b", prose):
            found.append(
                f"{at(index)} is ignored by nbval: say in the text above what differs and why."
            )
    return found


def figures_are_read(lesson):
    """A sentence says what to notice; only the promise may stand between."""
    found = []
    for index, cell in lesson.code:
        if has_figure(cell) and lesson.before_answers(index):
            after = [c for _, c in lesson.cells[index + 1 : index + 3]]
            if after and "promise" in tags(after[0]):
                after = after[1:]
            if not after or after[0].cell_type != "markdown" or after[0].source.startswith("#"):
                found.append(f"{at(index)} draws a figure; say below it what to notice.")
    return found


# --- Promises -----------------------------------------------------------------------------


def figures_have_a_promise(lesson):
    """nbval does not compare pictures: a folded cell directly below asserts their numbers."""
    return [
        f"{at(index)} draws a figure; a cell tagged promise must stand directly below it."
        for index, cell in lesson.code
        if has_figure(cell) and not any("promise" in tags(c) for c in lesson.below(index))
    ]


def promises_are_folded(lesson):
    return [
        f"{at(index)} is a promise and its source must be hidden."
        for index, cell in lesson.tagged("promise")
        if not cell.metadata.get("jupyter", {}).get("source_hidden")
    ]


def promises_keep_to_themselves(lesson):
    """A promise asserts something about the cell above, in silence, and leaves nothing behind."""
    found = []
    for index, cell in lesson.tagged("promise"):
        if index == 0 or lesson.notebook.cells[index - 1].cell_type != "code":
            found.append(f"{at(index)} is a promise and must stand below the code it is about.")
        if not has_assertion(cell):
            found.append(f"{at(index)} is a promise and must assert something.")
        if cell.outputs:
            found.append(f"{at(index)} is a promise and must print nothing.")
        open_names = sorted(name for name in names_set(cell) if not name.startswith("_"))
        if open_names:
            found.append(f"{at(index)} is a promise; its names must begin with _: {open_names}.")
        later = [(i, c) for i, c in lesson.code if i > index]
        found += [
            f"{at(i)} uses {sorted(used)}, which the promise in {at(index)} sets."
            for i, c in later
            if (used := names_set(cell) & (names_read(c) - names_set(c)))
        ]
    return found


def names_set(cell):
    """Return the names that a cell leaves in the notebook's memory."""
    found, rest = set(), list(syntax(cell).body)
    own_scope = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif not isinstance(node, own_scope):
            rest += ast.iter_child_nodes(node)
    return found - {"_"}


def names_read(cell):
    names = (node for node in ast.walk(syntax(cell)) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def checks_are_few(lesson):
    """A learner who wants to see how a figure is made reads two lines, not six."""
    lines = sum(len(lines_of(cell)) for cell in lesson.in_sight)
    checks = [number for cell in lesson.in_sight for number in lines_of(cell) & checked(cell)]
    if len(checks) <= MOST_CHECKS * lines:
        return []
    return [
        f"{len(checks)} of the lesson's {lines} lines are checks, at most {MOST_CHECKS:.0%} may "
        "be: move what promises a figure or a stored number into a cell tagged promise."
    ]


def lines_of(cell):
    """Return the numbers of the lines of a cell that are not empty."""
    return {number for number, line in enumerate(cell.source.splitlines(), 1) if line.strip()}


def checked(cell):
    """Return the numbers of the lines that check something other than a shape."""
    found = set()
    for node in ast.walk(syntax(cell)):
        asserts = isinstance(node, ast.Assert) and not tells_shapes(node.test)
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if asserts or name.rpartition(".")[2].startswith("assert_"):
            found |= set(range(node.lineno, node.end_lineno + 1))
    return found


def tells_shapes(test):
    """Is a condition about shapes alone, as in ``x.shape == (n,) and y.ndim == 1``?"""
    parts = test.values if isinstance(test, ast.BoolOp) else [test]
    return all(
        any(isinstance(n, ast.Attribute) and n.attr in ("shape", "ndim") for n in ast.walk(part))
        for part in parts
    )


def lines_fit_a_page(lesson):
    return [
        f"{at(index)}, line {number}: must have at most {LONGEST_LINE} columns, has {len(line)}."
        for index, cell in lesson.code
        if "question" not in tags(cell)  # folded, for it holds the answer
        for number, line in enumerate(cell.source.splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]


def figures_come_without_a_value(lesson):
    """The last line of a cell that draws shows its value: (-1, 1), Text(0.5, 1.0, 'before')."""
    return [
        f"{at(index)} draws a figure and shows {output.data['text/plain']}: end on a line that "
        "returns nothing."
        for index, cell in lesson.code
        if has_figure(cell)
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]


def no_line_is_black(lesson):
    """In a dark style it would be black on black, and white is lost on paper."""
    return [
        f"{at(index)} draws in {node.value.value}: take a colour that is seen on any ground."
        for index, node in nodes(lesson, ast.keyword)
        if node.arg in ("color", "colors", "c", "facecolor", "edgecolor")
        and isinstance(node.value, ast.Constant)
        and node.value.value in ("black", "white", "k", "w", "#000000", "#FFFFFF")
    ]


def nothing_is_discarded_in_vain(lesson):
    """Only the value of a cell's last line is shown, so only there can ``_ =`` do anything."""
    found = []
    for index, cell in lesson.code:
        tree = syntax(cell)
        found += [
            f"{at(index)}, line {node.lineno}: '_ =' does nothing unless it is the last line."
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and [ast.unparse(target) for target in node.targets] == ["_"]
            and node is not tree.body[-1]
        ]
    return found


# --- Code ---------------------------------------------------------------------------------


def code_is_python(lesson):
    found = []
    for index, cell in lesson.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            if "raises-exception" not in tags(cell):
                found.append(f"{at(index)} is not plain Python: {error.msg}.")
    return found


def cells_are_short(lesson):
    found = []
    for index, cell in lesson.code:
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CELL:
            found.append(f"{at(index)} must have at most {LONGEST_CELL} lines, has {lines}.")
    return found


def no_trailing_semicolon(lesson):
    return [
        f"{at(index)} ends a line with ';', which strict nbval fails; write '_ = ...'."
        for index, cell in lesson.code
        if ends_with_semicolon(cell.source)
    ]


def ends_with_semicolon(source):
    line_ends = (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER)
    previous = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if previous == ";" and token.type in line_ends:
                return True
            previous = token.string
    except (tokenize.TokenError, SyntaxError):
        pass  # reported by code_is_python
    return False


def no_star_import(lesson):
    return [
        f"{at(index)} imports * from {node.module}."
        for index, node in nodes(lesson, ast.ImportFrom)
        if any(alias.name == "*" for alias in node.names)
    ]


def no_path_edit(lesson):
    return [
        f"{at(index)} uses sys.path; polylab is installed."
        for index, node in nodes(lesson, ast.Attribute)
        if ast.unparse(node) == "sys.path"
    ]


def no_show(lesson):
    return [
        f"{at(index)} calls {ast.unparse(node)}; the figure is shown without it."
        for index, node in nodes(lesson, ast.Call)
        if ast.unparse(node.func) in ("plt.show", "fig.show", "figure.show")
    ]


def first_code_cell_imports(lesson):
    index, cell = lesson.code[0]
    if all(isinstance(node, ast.Import | ast.ImportFrom) for node in syntax(cell).body):
        return []
    return [f"{at(index)} is the first code cell and must hold imports only."]


def second_code_cell_sets_constants(lesson):
    if len(lesson.code) < 2:
        return ["The second code cell, with the constants, is missing."]
    index, cell = lesson.code[1]
    lines = cell.source.splitlines()
    found = []
    for node in syntax(cell).body:
        text = ast.unparse(node)
        above = lines[node.lineno - 2] if node.lineno > 1 else ""
        if not is_constant(node):
            found.append(f"{at(index)} must hold constants in capitals only, has '{text}'.")
        elif "#" not in "".join(lines[node.lineno - 1 : node.end_lineno]) + above:
            found.append(f"{at(index)} must say the unit or the use of '{text}' in a comment.")
    return found


def is_constant(node):
    return (
        isinstance(node, ast.Assign)
        and all(isinstance(t, ast.Name) and t.id.isupper() for t in node.targets)
        and not any(isinstance(part, ast.Call) for part in ast.walk(node.value))
    )


# --- Anatomy ------------------------------------------------------------------------------


def title_matches_file(lesson):
    titles = [heading for heading in lesson.headings if heading.level == 1]
    if len(titles) != 1 or titles[0].index != 0:
        return ["The notebook must have one title '# NN. …', at the top of the first cell."]
    if not re.match(r"\d\d\. ", titles[0].text) or slug(titles[0].text) != lesson.name:
        return [f"The title '{titles[0].text}' does not match the file name {lesson.name}."]
    return []


def slug(title):
    return "_".join(re.findall(r"\w+", title.lower()))


def header_is_complete(lesson):
    source = lesson.notebook.cells[0].source
    parts = re.split(r"\*\*What (?:you'll do|you'll learn|you need)\.\*\*", source)
    asked = re.findall(r"\*\*What (you'll do|you'll learn|you need)\.\*\*", source)
    if asked != ["you'll do", "you'll learn", "you need"]:
        return [
            "The first cell must say **What you'll do.** **What you'll learn.** **What you need.**"
        ]
    found = []
    opening, *answers = parts
    if not "".join(opening.strip().splitlines()[1:]).strip():
        found.append("The first cell must name the end product in a sentence below the title.")
    found += [
        f"'What {question}' has no answer."
        for question, answer in zip(asked, answers, strict=True)
        if not answer.strip()
    ]
    if not re.search(r"\b\d+ minutes\b", answers[-1]):
        found.append("'What you need' must say how many minutes the notebook takes.")
    needed = {Path(target).stem for _, target in LINK.findall(answers[-1])}
    if lesson.name != COURSE[0] and not any(name < lesson.name for name in needed):
        found.append("'What you need' must link to a notebook that comes before.")
    return found


def last_sections_are_in_order(lesson):
    wanted = LAST_SECTIONS if lesson.name not in PRACTICE else ["Answers"]
    sections = [heading.text for heading in lesson.headings if heading.level == 2]
    if sections[-len(wanted) :] == wanted:
        return []
    return [f"The last sections must be {', '.join(wanted)}; they are {', '.join(sections)}."]


def headings_skip_no_level(lesson):
    levels = [heading.level for heading in lesson.headings]
    return [
        f"{at(heading.index)}: the heading '{heading.text}' skips a level."
        for above, heading in zip(levels, lesson.headings[1:], strict=False)
        if heading.level > above + 1
    ]


def navigation_leads_on(lesson):
    """The last line before the answers leads to the notebook before, the map and the next."""
    if lesson.name not in COURSE:
        return []  # reported by is_on_the_map
    position = COURSE.index(lesson.name)
    before, after = COURSE[max(position - 1, 0) : position], COURSE[position + 1 : position + 2]
    parts = [f"← [{name}]({name}.ipynb)" for name in before]
    parts += [f"[map]({COURSE[0]}.ipynb)"]
    parts += [f"[{name}]({name}.ipynb) →" for name in after]
    wanted = " · ".join(parts)
    prose = lesson.notebook.cells[lesson.start_of("Answers") - 1].source.strip()
    line = prose.splitlines()[-1] if prose else ""
    stored = LINK.sub(lambda match: f"[{slug(match[1])}]({match[2]})", line)
    if stored == wanted:
        return []
    return [f"The last line before the answers must be '{wanted}' with the titles, is '{line}'."]


def links_work(lesson):
    return [
        f"{at(index)}: {problem}"
        for index, cell in lesson.markdown
        for problem in dead_links(cell, lesson)
    ]


def dead_links(cell, lesson):
    """Find links to nothing, and links out of the folder that JupyterLab is opened on."""
    own = {heading.anchor for heading in lesson.headings}
    attached = {f"attachment:{name}" for name in cell.get("attachments", {})}
    targets = [target for target in link_targets(cell.source) if target not in attached]
    outside = [f"the link to '{t}' leaves the folder." for t in targets if t.startswith("..")]
    return broken_targets(targets, lesson.path.parent, own) + outside


def link_targets(text):
    """Return the targets of links and pictures in markdown, code left out."""
    text = INLINE_CODE.sub("", FENCE.sub("", text))
    return [target for _, target in LINK.findall(text)] + HTML_LINK.findall(text)


def broken_targets(targets, folder, own_anchors):
    """Return a sentence for each target inside the project that does not exist."""
    found = []
    for target in targets:
        if OUTSIDE.match(target) and not target.startswith("attachment:"):
            continue
        name, _, anchor = unquote(target).partition("#")
        path = folder / name
        if target.startswith("attachment:") or not target or (name and not path.exists()):
            found.append(f"the link to '{target}' leads nowhere.")
        elif anchor and anchor not in (anchors_of(path) if name else own_anchors):
            found.append(f"the link to '{target}' names a heading that does not exist.")
    return found


def anchors_of(path):
    if path.suffix == ".ipynb":
        return {heading.anchor for heading in read(path).headings}
    return page_anchors(path.read_text(encoding="utf-8")) if path.suffix == ".md" else set()


def page_anchors(text):
    """Return the ids that GitHub gives the headings of a page."""
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings_of(text)
    }


# --- Slides -------------------------------------------------------------------------------


def slide_of(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def headings_begin_a_slide(lesson):
    """A section is a slide, an exercise a sub-slide: refresh writes it, nbconvert reads it."""
    found = []
    for index, cell in lesson.markdown:
        first = headings_of(cell.source.partition("\n")[0])
        if first and "answers" not in tags(cell):
            wanted = "slide" if first[0][0] < 3 else "subslide"
            if slide_of(cell) != wanted:
                found.append(f"{at(index)} has a heading and must begin a {wanted}.")
    return found


def slides_tell_nothing_beforehand(lesson):
    """No promise, verdict or answer is on a slide; what is predicted waits for the next key."""
    apart = {"promise", "check", "answers", "solution"}
    found = [
        f"{at(index)} must be skipped by the slides."
        for index, cell in lesson.cells
        if apart.intersection(tags(cell)) and slide_of(cell) != "skip"
    ]
    for index, cell in lesson.markdown:
        if "**Predict.**" in cell.source:
            for after in lesson.below(index):
                if slide_of(after) not in ("fragment", "subslide", "slide"):
                    found.append(f"{at(index + 1)} answers a question that is still in sight.")
    return found


def nbconvert_hides_what_is_folded(lesson):
    """The source of a question names the right answer, and no page of HTML can fold it."""
    return [
        f"{at(index)} must hold the metadata transient.remove_source."
        for index, cell in lesson.tagged("question") + lesson.tagged("promise")
        if not cell.metadata.get("transient", {}).get("remove_source")
    ]


# --- Questions, exercises, answers --------------------------------------------------------


def asks_three_questions(lesson):
    start, end = lesson.start_of("Check yourself"), lesson.start_of("On your own")
    asked = [index for index, _ in lesson.tagged("question") if start < index < end]
    return [] if len(asked) >= 3 else [f"'Check yourself' must ask 3 questions, asks {len(asked)}."]


def questions_are_tagged(lesson):
    """A question has a cell to itself, and its source, with the answer, is hidden."""
    found = []
    for index, cell in lesson.code:
        body = syntax(cell).body
        alone = len(body) == 1 and isinstance(body[0], ast.Expr)
        asks = "Question" in called(cell)
        if asks and "question" not in tags(cell):
            found.append(f"{at(index)} asks a question and is not tagged question.")
        if "question" in tags(cell):
            if not (asks and alone):
                found.append(f"{at(index)} is tagged question and must hold one Question(...).")
            if not cell.metadata.get("jupyter", {}).get("source_hidden"):
                found.append(f"{at(index)} is a question and its source must be hidden.")
    return found


def sets_two_exercises(lesson):
    count = len(lesson.exercises)
    return [] if count >= 2 else [f"'On your own' must set 2 exercises, sets {count}."]


def exercises_are_numbered(lesson):
    found = []
    for position, (heading, _) in enumerate(lesson.exercises, start=1):
        wanted = f"{int(lesson.name[:2])}.{position}"
        match = EXERCISE.fullmatch(heading.text)
        if not match or match[1] != wanted:
            found.append(
                f"{at(heading.index)} must be headed 'Exercise {wanted} …', not '{heading.text}'."
            )
    return found


def exercises_state_their_effort(lesson):
    found = []
    for heading, cells in lesson.exercises:
        _, _, below = cells[0][1].source.partition(heading.text)
        first = below.strip().partition("\n")[0]
        if not EFFORT.fullmatch(first.strip()):
            found.append(
                f"{at(heading.index)} must say '*5 minutes · easy*' below its heading, "
                f"says '{first}'."
            )
    return found


def exercises_have_a_check(lesson):
    """Each exercise has a starter cell and then a cell that calls a checker."""
    found = []
    for heading, cells in lesson.exercises:
        found_tags = [
            tag for _, cell in cells for tag in tags(cell) if tag in ("exercise", "check")
        ]
        if found_tags[:1] != ["exercise"] or "check" not in found_tags:
            found.append(f"{at(heading.index)} must hold a cell tagged exercise, then one check.")
    for index, cell in lesson.tagged("check"):
        if not checkers(cell):
            found.append(f"{at(index)} is tagged check and calls no checker.")
    return found


def exercises_ship_unattempted(lesson):
    return [
        f"{at(index)} must show '{UNTRIED[0]} …': the exercise ships without an answer."
        for index, cell in lesson.tagged("check")
        if not shown_by(cell).startswith(UNTRIED)
    ]


def checks_can_be_graded(lesson):
    """nbgrader knows a cell that gives marks by its metadata, which refresh writes."""
    graded = [cell.metadata.get("nbgrader", {}) for _, cell in lesson.tagged("check")]
    names = [metadata.get("grade_id") for metadata in graded]
    wanted = [f"check-{number}" for number in range(1, len(names) + 1)]
    if names != wanted:
        return [f"The cells tagged check must have the grade ids {wanted}, got {names}."]
    return [
        f"{at(index)} is not tagged check and must not be graded."
        for index, cell in lesson.cells
        if "nbgrader" in cell.metadata and "check" not in tags(cell)
    ]


def answers_pass(lesson):
    """The printed answers satisfy the checkers: strict nbval repeats a failure as happily."""
    return [
        f"{at(index)} must show '{PASSED} …' by the checker it calls."
        for index, cell in lesson.tagged("solution")
        if cell.cell_type == "code" and checkers(cell) and not shown_by(cell).startswith(PASSED)
    ]


def answers_are_hidden(lesson):
    """Answers stand under 'Answers', hidden, and tags tell the student's copy what to drop."""
    start = lesson.start_of("Answers")
    found = [
        f"{at(index)} must be tagged answers if and only if it opens 'Answers'."
        for index, cell in lesson.cells
        if ("answers" in tags(cell)) != (index == start)
    ]
    for index, cell in lesson.cells:
        solution = "solution" in tags(cell)
        hidden = cell.metadata.get("jupyter", {})
        if solution and index < start:
            found.append(f"{at(index)} is a solution and must stand under 'Answers'.")
        if not solution and index > start:
            found.append(f"{at(index)} stands under 'Answers' and must be tagged solution.")
        if solution and not hidden.get("source_hidden"):
            found.append(f"{at(index)} is a solution and must be hidden.")
    return found


def exercises_are_answered(lesson):
    """Each exercise has an answer that names it and goes to the learner's checker.

    JupyterLab shows the first line of a hidden cell, so there the exercise is named.
    """
    answers = [cell for _, cell in lesson.tagged("solution")]
    first_lines = "\n".join(cell.source.partition("\n")[0] for cell in answers)
    found = []
    for heading, _ in lesson.exercises:
        match = EXERCISE.fullmatch(heading.text)
        if match and not re.search(rf"\b{re.escape(match[1])}\b", first_lines):
            found.append(f"No solution cell names exercise {match[1]} on its first line.")
    used = set().union(*(checkers(cell) for cell in answers if cell.cell_type == "code"))
    return found + [
        f"{at(index)} calls {name}; no answer is checked with it."
        for index, cell in lesson.tagged("check")
        for name in sorted(checkers(cell) - used)
    ]


RULES_FOR_ALL = (
    is_on_the_map,
    counts_run_from_one,
    cells_are_not_empty,
    ids_are_unique,
    metadata_is_lean,
    tags_are_known,
    nothing_on_stderr,
    no_trace_of_the_machine,
    no_time_shown,
    no_raw_numbers,
    no_svg,
    errors_are_announced,
    ignored_outputs_have_a_reason,
    figures_are_read,
    promises_are_folded,
    promises_keep_to_themselves,
    figures_have_a_promise,
    checks_are_few,
    lines_fit_a_page,
    figures_come_without_a_value,
    no_line_is_black,
    nothing_is_discarded_in_vain,
    code_is_python,
    cells_are_short,
    no_trailing_semicolon,
    no_star_import,
    no_path_edit,
    no_show,
    first_code_cell_imports,
    title_matches_file,
    header_is_complete,
    last_sections_are_in_order,
    headings_skip_no_level,
    navigation_leads_on,
    links_work,
    headings_begin_a_slide,
    slides_tell_nothing_beforehand,
    nbconvert_hides_what_is_folded,
    questions_are_tagged,
    answers_are_hidden,
    checks_can_be_graded,
    answers_pass,
)
RULES_FOR_LESSONS = (
    second_code_cell_sets_constants,
    asks_three_questions,
    sets_two_exercises,
    exercises_are_numbered,
    exercises_state_their_effort,
    exercises_have_a_check,
    exercises_ship_unattempted,
    exercises_are_answered,
)


def rules_for(name):
    """Return the rules that hold for the notebook of this name."""
    return RULES_FOR_ALL if name in PRACTICE else RULES_FOR_ALL + RULES_FOR_LESSONS
