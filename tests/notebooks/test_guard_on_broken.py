"""The guard passes a sound lesson and catches each small fault by the rule made for it."""

import guard
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

END_PRODUCT = "You end with a cubic that you fitted with nothing but arrays."
HEADER = f"""\
# 03. Descend with NumPy

{END_PRODUCT}

**What you'll do.** Write the loop.

**What you'll learn.** What a gradient is.

**What you need.** [02 Pose the problem](02_pose_the_problem.ipynb), 30 minutes."""

SUMMARY = """\
## In this notebook we

- wrote [the loop](#The-loop) after we had met [the loss](02_pose_the_problem.ipynb#A-loss).

← [02 Pose the problem](02_pose_the_problem.ipynb) · [Map](00_start_here.ipynb) · \
[04 Move to torch](04_move_to_torch.ipynb) →"""


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def result(text):
    return new_output("execute_result", data={"text/plain": text})


def shown(data):
    return new_output("display_data", data=data)


def failure(*traceback):
    return new_output("error", ename="NameError", evalue="no x", traceback=list(traceback))


def code(name, source, *outputs, tags=(), hidden=()):
    cell = new_code_cell(source, id=name, outputs=list(outputs))
    return with_metadata(cell, tags, hidden)


def text(name, source, tags=(), hidden=()):
    return with_metadata(new_markdown_cell(source, id=name), tags, hidden)


def with_metadata(cell, tags, hidden):
    if tags:
        cell.metadata.tags = list(tags)
    if hidden:
        cell.metadata.jupyter = dict.fromkeys(hidden, True)
    return cell


UNTRIED, PASSED = "Not attempted yet: the answer is `...`.", "Right: it is half."


def question(number):
    source = f'Question("{number}?", right=("a", "yes"), wrong=(("b", "no"),))'
    return code(
        f"question-{number}", source, result("..."), tags=["question"], hidden=["source_hidden"]
    )


def exercise(number):
    return [
        text(f"task-{number}", f"### Exercise 3.{number} Halve it\n\n*5 minutes · easy*\n\nDo it."),
        code(f"start-{number}", f"half_{number} = ...", tags=["exercise"]),
        graded(
            f"check-{number}",
            code(f"check-{number}", f'check_tensor(half_{number}, "h")', result(UNTRIED),
                 tags=["check"]),
        ),
    ]


def graded(name, cell):
    cell.metadata.nbgrader = {"grade_id": name}
    return cell


def answer(number):
    source = f'check_tensor({number} / 2, "h")'
    hidden = ["source_hidden", "outputs_hidden"]
    return [
        text(f"answer-{number}", f"**Exercise 3.{number}**", ["solution"], ["source_hidden"]),
        code(f"proof-{number}", source, result(PASSED), tags=["solution"], hidden=hidden),
    ]


def sound_notebook():
    cells = [
        text("header", HEADER),
        code("imports", "import matplotlib.pyplot as plt\nimport numpy as np"),
        code("constants", "# radians\nEND = np.pi\nRATE = 1e-6  # per step, for the SUM"),
        text("loop", "## The loop\n\nWe walk downhill."),
        code("walk", "loss = 8.8172\nprint(loss)", printed("8.8172 0.00000001\n")),
        text("slow", "The time below differs at every run, so no test compares it."),
        code("clock", "print('2 s')", printed("2 s\n"), tags=["nbval-ignore-output"]),
        code("fails", "x", failure(), tags=["raises-exception"]),
        code("plot", "fig, ax = plt.subplots()", shown({"image/png": "iVBORw0="})),
        code("proof", "_all = [loss]\nassert _all == [8.8172]", tags=["promise"],
             hidden=["source_hidden"]),
        text("read", "The curve falls."),
        text("questions", "## Check yourself"),
        *[question(number) for number in (1, 2, 3)],
        text("exercises", "## On your own"),
        *exercise(1),
        *exercise(2),
        text("summary", SUMMARY),
        text("answers", "## Answers", ["answers"]),
        *answer(1),
        *answer(2),
    ]
    count(cells)
    for cell in cells:
        show_or_not(cell)
    return new_notebook(cells=cells)


def show_or_not(cell):
    """Give a cell what nbconvert must know of it."""
    wanted = set(cell.metadata.get("tags", []))
    if wanted & {"promise", "check", "answers", "solution"}:
        cell.metadata.slideshow = {"slide_type": "skip"}
    elif cell.source.startswith("#") and cell.cell_type == "markdown":
        section = not cell.source.startswith("###")
        cell.metadata.slideshow = {"slide_type": "slide" if section else "subslide"}
    if wanted & {"promise", "question"}:
        cell.metadata.transient = {"remove_source": True}


def count(cells):
    code_cells = [cell for cell in cells if cell.cell_type == "code"]
    for number, cell in enumerate(code_cells, start=1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


# --- Ways to break a notebook: each returns a function that changes it in place ------------


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def edit(name, old, new):
    def change(notebook):
        cell = cell_of(notebook, name)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def write(name, source):
    return lambda notebook: cell_of(notebook, name).update(source=source)


def store(name, *outputs):
    def change(notebook):
        cell_of(notebook, name).outputs = list(outputs)
        count(notebook.cells)

    return change


def set_tags(name, *tags):
    return lambda notebook: cell_of(notebook, name).metadata.update(tags=list(tags))


def set_metadata(name, **metadata):
    return lambda notebook: cell_of(notebook, name).metadata.update(metadata)


def set_count(name, number):
    return lambda notebook: cell_of(notebook, name).update(execution_count=number)


def set_id(name, new):
    return lambda notebook: cell_of(notebook, name).update(id=new)


def drop(*names):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id not in names]
        count(notebook.cells)

    return change


def insert(new_cell, before):
    def change(notebook):
        notebook.cells.insert(notebook.cells.index(cell_of(notebook, before)), new_cell)
        count(notebook.cells)

    return change


def move(name, before):
    def change(notebook):
        cell = cell_of(notebook, name)
        notebook.cells.remove(cell)
        insert(cell, before)(notebook)

    return change


def strip(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def swap_without_running(notebook):
    first, second = (notebook.cells.index(cell_of(notebook, name)) for name in ("walk", "fails"))
    notebook.cells[first], notebook.cells[second] = notebook.cells[second], notebook.cells[first]


def result_of_another_run(notebook):
    cell_of(notebook, "check-1").outputs[0].execution_count = 99


def store_widget_state(notebook):
    notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}


# --- One row a fault: what is broken, how, and the rule or rules that must notice ----------

WALK = "loss = 8.8172\nprint(loss)"

FAULTS = [
    # The file.
    (
        "outputs and counts stripped",
        strip,
        "counts_run_from_one errors_are_announced exercises_ship_unattempted answers_pass",
    ),
    ("cells swapped without a run", swap_without_running, "counts_run_from_one"),
    ("stale count", set_count("plot", 17), "counts_run_from_one"),
    ("cell added and not run", set_count("proof", None), "counts_run_from_one"),
    ("result of another run", result_of_another_run, "counts_run_from_one"),
    ("empty code cell", insert(code("new", " \n"), "walk"), "cells_are_not_empty"),
    ("empty text cell", insert(text("new", ""), "summary"), "cells_are_not_empty"),
    ("same id twice", set_id("proof", "plot"), "ids_are_unique"),
    ("id with a space", set_id("proof", "a proof"), "ids_are_unique"),
    ("widget state stored", store_widget_state, "metadata_is_lean"),
    ("time of execution stored", set_metadata("walk", execution={}), "metadata_is_lean"),
    ("unknown tag", set_tags("walk", "important"), "tags_are_known"),
    ("nbval skipped in a comment", write("walk", "# NBVAL_SKIP\n" + WALK), "tags_are_known"),
    # Outputs.
    ("stderr stored", store("walk", printed("Careful\n", "stderr")), "nothing_on_stderr"),
    ("address", store("walk", printed("<Generator at 0x7f51c0>")), "no_trace_of_the_machine"),
    ("home folder", store("walk", printed("saved: /home/ada/x")), "no_trace_of_the_machine"),
    ("temporary folder", store("walk", result("'/tmp/abc/x.pt'")), "no_trace_of_the_machine"),
    ("Windows folder", store("walk", printed("in C:\\Users\\ada")), "no_trace_of_the_machine"),
    (
        "library in a traceback",
        store("fails", failure("File ~/torch.py")),
        "no_trace_of_the_machine",
    ),
    ("process id", store("walk", printed("ipykernel_4711")), "no_trace_of_the_machine"),
    ("seconds", store("walk", printed("2,000 steps in 1.25 s")), "no_time_shown"),
    ("milliseconds", store("walk", result("620 ms ± 3 ms per loop")), "no_time_shown"),
    ("time of day", store("walk", printed("finished 17:05:33")), "no_time_shown"),
    ("too many digits", store("walk", printed("8.817165374755859")), "no_raw_numbers"),
    ("too many digits below 1", store("walk", printed("-0.0933303890")), "no_raw_numbers"),
    ("SVG", store("walk", shown({"image/svg+xml": "<svg/>"})), "no_svg"),
    ("error not announced", set_tags("fails"), "errors_are_announced"),
    ("announced error missing", store("fails"), "errors_are_announced"),
    ("ignored for no reason", edit("slow", "differs at", "is of"), "ignored_outputs_have_a_reason"),
    ("reason not beside it", move("clock", "plot"), "ignored_outputs_have_a_reason"),
    (
        "figure without an assert",
        write("proof", "loss"),
        "promises_keep_to_themselves",
    ),
    (
        "assert that cannot fail",
        write("proof", "assert 1"),
        "promises_keep_to_themselves",
    ),
    ("figure without a sentence", drop("read"), "figures_are_read"),
    ("sentence too far away", insert(code("new", "loss"), "read"), "figures_are_read"),
    # Promises.
    (
        "figure without a promise",
        drop("proof"),
        "figures_have_a_promise",
    ),
    (
        "promise of something else",
        insert(text("new", "The curve:"), "proof"),
        "figures_have_a_promise promises_keep_to_themselves",
    ),
    ("promise not folded", set_metadata("proof", jupyter={}), "promises_are_folded"),
    (
        "promise not tagged",
        set_tags("proof"),
        "figures_have_a_promise figures_are_read checks_are_few",
    ),
    ("promise prints", store("proof", printed("kept\n")), "promises_keep_to_themselves"),
    ("promise sets a name", edit("proof", "_all", "all_losses"), "promises_keep_to_themselves"),
    (
        "promise imports a name",
        edit("proof", "_all = [", "import numpy\n_all = ["),
        "promises_keep_to_themselves",
    ),
    (
        "promise defines a function",
        edit("proof", "_all = [", "def near():\n    pass\n_all = ["),
        "promises_keep_to_themselves",
    ),
    ("promise is used", insert(code("new", "print(_all)"), "read"),
     "promises_keep_to_themselves figures_are_read"),
    ("check in sight", write("walk", "loss = 8.8172\nassert loss\nprint(loss)"), "checks_are_few"),
    (
        "check by a function in sight",
        write("walk", "loss = 8.8172\nnp.testing.assert_allclose(\n    loss, loss)"),
        "checks_are_few",
    ),
    (
        "check beside a shape",
        write("walk", "loss = 8.8172\nassert loss.shape == () and loss < 9"),
        "checks_are_few",
    ),
    ("80 columns", write("walk", f"loss = 1  # {'n' * 68}"), "lines_fit_a_page"),
    (
        "value beside a figure",
        store("plot", result("(-1.0, 1.0)"), shown({"image/png": "iVBORw0="})),
        "figures_come_without_a_value",
    ),
    ("black line", write("walk", "plt.axhline(loss, color='black')"), "no_line_is_black"),
    ("discarded in vain", write("walk", "_ = loss\nloss"), "nothing_is_discarded_in_vain"),
    (
        "discarded in a loop",
        write("walk", "for _n in (1, 2):\n    _ = loss"),
        "nothing_is_discarded_in_vain",
    ),
    # Code.
    ("magic", write("walk", "%time loss = 8"), "code_is_python"),
    ("21 lines", write("walk", "loss = 1\n" * 21), "cells_are_short"),
    ("trailing semicolon", write("walk", "print(loss);"), "no_trailing_semicolon"),
    ("semicolon and comment", write("walk", "print(loss);  # a\nloss"), "no_trailing_semicolon"),
    ("star import", edit("imports", "import numpy as np", "from numpy import *"), "no_star_import"),
    ("path edit", write("walk", "import sys\nsys.path.append('..')"), "no_path_edit"),
    ("show", write("walk", "plt.show()"), "no_show"),
    ("work beside the imports", edit("imports", "np", "np\nx = 1"), "first_code_cell_imports"),
    (
        "constants come first",
        move("constants", "imports"),
        "first_code_cell_imports second_code_cell_sets_constants",
    ),
    (
        "variable among constants",
        edit("constants", "RATE", "rate"),
        "second_code_cell_sets_constants",
    ),
    (
        "computed constant",
        edit("constants", "np.pi", "np.arccos(-1)"),
        "second_code_cell_sets_constants",
    ),
    (
        "constant without a unit",
        edit("constants", "  # per step, for the SUM", ""),
        "second_code_cell_sets_constants",
    ),
    # Anatomy.
    ("title of another notebook", edit("header", "# 03", "# 04"), "title_matches_file"),
    ("no title", edit("header", "# 03. Descend with NumPy", "Descend"), "title_matches_file"),
    ("second title", write("loop", "# The loop"), "title_matches_file"),
    ("no aim", edit("header", "**What you'll do.** Write the loop.", ""), "header_is_complete"),
    (
        "aims in another order",
        edit("header", "'ll do.** W", "'ll learn.** W"),
        "header_is_complete",
    ),
    ("empty aim", edit("header", "Write the loop.", ""), "header_is_complete"),
    ("no end product", edit("header", END_PRODUCT, ""), "header_is_complete"),
    ("no minutes", edit("header", ", 30 minutes", ""), "header_is_complete"),
    (
        "no notebook before",
        edit("header", "[02 Pose the problem](02_pose_the_problem.ipynb), ", ""),
        "header_is_complete",
    ),
    ("missing section", write("exercises", "Do these."), "last_sections_are_in_order"),
    (
        "sections swapped",
        move("summary", "exercises"),
        "last_sections_are_in_order navigation_leads_on",
    ),
    ("level skipped", write("loop", "#### The loop"),
     "headings_skip_no_level headings_begin_a_slide"),
    (
        "wrong notebook before",
        edit(
            "summary",
            "← [02 Pose the problem](02_pose_the_problem",
            "← [01 Hold numbers in tensors](01_hold_numbers_in_tensors",
        ),
        "navigation_leads_on links_work",
    ),
    ("wrong title of the next", edit("summary", "[04 Move to", "[04 Go to"), "navigation_leads_on"),
    (
        "no way to the map",
        edit("summary", "[Map](00_start_here.ipynb) · ", ""),
        "navigation_leads_on",
    ),
    ("navigation not last", insert(text("new", "Bye."), "answers"), "navigation_leads_on"),
    ("dead link to a file", write("read", "See [it](05_later.ipynb)."), "links_work"),
    ("link out of the folder", write("read", "See [it](..)."), "links_work"),
    ("dead picture", write("read", "![a curve](curve.png)"), "links_work"),
    ("dead picture in HTML", write("read", '<img alt="a" src="curve.png">'), "links_work"),
    ("lost attachment", write("read", "![a curve](attachment:curve.png)"), "links_work"),
    ("dead heading elsewhere", edit("summary", "#A-loss", "#A-gain"), "links_work"),
    ("dead heading here", edit("summary", "#The-loop", "#the-loop"), "links_work"),
    # Slides.
    ("section on a slide with another", set_metadata("loop", slideshow={}),
     "headings_begin_a_slide"),
    ("exercise that is a slide", set_metadata("task-1", slideshow={"slide_type": "slide"}),
     "headings_begin_a_slide"),
    ("answer on a slide", set_metadata("proof-1", slideshow={}), "slides_tell_nothing_beforehand"),
    ("verdict on a slide", set_metadata("check-1", slideshow={"slide_type": "fragment"}),
     "slides_tell_nothing_beforehand"),
    ("prediction beside its result", write("slow", "The time differs. **Predict.** Is it long?"),
     "slides_tell_nothing_beforehand"),
    ("source of a question in HTML", set_metadata("question-1", transient={}),
     "nbconvert_hides_what_is_folded"),
    ("source of a promise in HTML", set_metadata("proof", transient={}),
     "nbconvert_hides_what_is_folded"),
    # Questions, exercises, answers.
    ("two questions", drop("question-3"), "asks_three_questions"),
    ("question elsewhere", move("question-3", "slow"), "asks_three_questions"),
    ("question not tagged", set_tags("question-3"), "questions_are_tagged asks_three_questions"),
    ("question is no question", write("question-3", "1"), "questions_are_tagged"),
    ("question with more code", edit("question-3", "Q", "a = 1\nQ"), "questions_are_tagged"),
    ("question with open source", set_metadata("question-3", jupyter={}), "questions_are_tagged"),
    ("one exercise", drop("task-2", "start-2", "check-2"), "sets_two_exercises"),
    (
        "wrong exercise number",
        edit("task-2", "3.2", "4.2"),
        "exercises_are_numbered exercises_are_answered",
    ),
    ("exercise without a title", edit("task-2", " Halve it", ""), "exercises_are_numbered"),
    (
        "no minutes at an exercise",
        edit("task-1", "5 minutes · ", ""),
        "exercises_state_their_effort",
    ),
    ("unknown difficulty", edit("task-1", "easy", "simple"), "exercises_state_their_effort"),
    ("no check", drop("check-1"), "exercises_have_a_check checks_can_be_graded"),
    ("check before the exercise", move("check-1", "start-1"), "exercises_have_a_check"),
    ("no starter", set_tags("start-1"), "exercises_have_a_check"),
    ("check without a checker", write("check-1", "half_1"), "exercises_have_a_check"),
    ("exercise ships solved", store("check-1", result(PASSED)), "exercises_ship_unattempted"),
    ("answer is refused", store("proof-1", result("It returns None.")), "answers_pass"),
    ("answer is not judged", store("proof-1"), "answers_pass"),
    ("solution too early", move("proof-1", "summary"), "answers_are_hidden"),
    ("solution not hidden", set_metadata("proof-1", jupyter={}), "answers_are_hidden"),
    ("text of a solution not hidden", set_metadata("answer-1", jupyter={}), "answers_are_hidden"),
    ("solution not tagged", set_tags("proof-1"), "answers_are_hidden"),
    ("heading of the answers not tagged", set_tags("answers"),
     "answers_are_hidden headings_begin_a_slide"),
    ("text of an answer not tagged", set_tags("answer-1"),
     "answers_are_hidden exercises_are_answered"),
    ("check without a grade", set_metadata("check-2", nbgrader={}), "checks_can_be_graded"),
    ("same grade twice", set_metadata("check-2", nbgrader={"grade_id": "check-1"}),
     "checks_can_be_graded"),
    ("grade for no check", set_metadata("walk", nbgrader={"grade_id": "walk"}),
     "checks_can_be_graded"),
    ("no answer", drop("answer-2"), "exercises_are_answered"),
    ("answer without a name", edit("answer-2", "**", "Thus:\n**"), "exercises_are_answered"),
    ("answer not checked", edit("check-1", "check_tensor", "check_loss"), "exercises_are_answered"),
]


EVERY_RULE = guard.RULES_FOR_ALL + guard.RULES_FOR_LESSONS


def lesson(notebook, folder, name="03_descend_with_numpy"):
    """Store a notebook between its neighbours and read it back."""
    for neighbour in ("00_start_here", "02_pose_the_problem", "04_move_to_torch"):
        page = new_notebook(cells=[new_markdown_cell("## A loss")])
        (folder / f"{neighbour}.ipynb").write_text(writes(page), encoding="utf-8")
    path = folder / f"{name}.ipynb"
    path.write_text(writes(notebook), encoding="utf-8")
    return guard.read(path)


def caught_by(read_lesson):
    return {rule.__name__ for rule in EVERY_RULE if rule(read_lesson)}


def test_sound_lesson_passes(tmp_path):
    assert caught_by(lesson(sound_notebook(), tmp_path)) == set()


@pytest.mark.parametrize(
    ("change", "rules"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in FAULTS]
)
def test_fault_is_caught(change, rules, tmp_path):
    notebook = sound_notebook()
    change(notebook)
    assert caught_by(lesson(notebook, tmp_path)) == set(rules.split())


def test_file_that_is_not_on_the_map_is_caught(tmp_path):
    notebook = sound_notebook()
    edit("header", "03. Descend with NumPy", "99. My draft")(notebook)
    assert "is_on_the_map" in caught_by(lesson(notebook, tmp_path, name="99_my_draft"))


def test_every_rule_has_caught_a_fault():
    proven = {"is_on_the_map"}.union(*(row[2].split() for row in FAULTS))
    assert proven == {rule.__name__ for rule in EVERY_RULE}


@pytest.mark.parametrize(
    "source",
    [
        "loss = np.ones(())\nassert loss.shape == ()",
        "assert x.shape == y.shape == (2000,) and z.ndim == 1",
        "_ = plt.subplots()",
        "def draw():\n    return 1",
        f"loss = 1  # {'n' * 67}",
    ],
)
def test_what_teaches_may_stay_in_sight(source, tmp_path):
    notebook = sound_notebook()
    write("walk", source)(notebook)
    assert caught_by(lesson(notebook, tmp_path)) == set()


def test_practice_notebook_needs_no_exercise_of_a_lesson():
    assert set(guard.rules_for(guard.PRACTICE[0])) == set(guard.RULES_FOR_ALL)


def test_finding_names_the_cell(tmp_path):
    notebook = sound_notebook()
    set_count("plot", 17)(notebook)
    number = 1 + notebook.cells.index(cell_of(notebook, "plot"))
    assert guard.counts_run_from_one(lesson(notebook, tmp_path)) == [
        f"Cell {number} must have execution count 6, has 17."
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "00_start_here",
            "[Map](00_start_here.ipynb) · "
            "[01 Hold numbers in tensors](01_hold_numbers_in_tensors.ipynb) →",
        ),
        (
            "17_train_a_network_for_real",
            "← [16 Measure the curvature of a network]"
            "(16_measure_the_curvature_of_a_network.ipynb) · [Map](00_start_here.ipynb)",
        ),
    ],
)
def test_first_and_last_notebook_have_one_neighbour(name, line, tmp_path):
    notebook = new_notebook(cells=[text("summary", line), text("answers", "## Answers")])
    assert guard.navigation_leads_on(lesson(notebook, tmp_path, name)) == []


@pytest.mark.parametrize(
    ("page", "findings"),
    [
        ("# One, two!\n[a](#one-two) [b](other.md#three)", 0),
        ("`[a](missing.md)`\n```\n[b](missing.md)\n```\n", 0),
        ("[a](https://example.org/missing) [b](mailto:ada@example.org)", 0),
        ("[a](#one-two)", 1),
        ("[a](missing.md) ![b](missing.png)", 2),
        ("[a](other.md#four)", 1),
        ('<img src="missing.png" width="100">', 1),
        ("[a]()", 1),
    ],
)
def test_links_of_a_page(page, findings, tmp_path):
    (tmp_path / "other.md").write_text("## Three\n", encoding="utf-8")
    targets, own_anchors = guard.link_targets(page), guard.page_anchors(page)
    assert len(guard.broken_targets(targets, tmp_path, own_anchors)) == findings
