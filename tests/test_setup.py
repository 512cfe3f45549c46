"""The set-up: one list of packages, proven versions, and failures that are explained."""

import functools
import importlib.metadata
import importlib.util
import json
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import polylab

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# What setup.sh and make need of a system besides Python.
COMMANDS = ("cat", "cksum", "cut", "dirname", "grep", "head", "id", "make", "mkdir", "rm", "sed",
            "sh", "tail", "tee", "touch")


PYTHONS = (11, 12, 13, 14)  # 3.11 and so on: those that the suite has been run with
SYSTEMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
)


def python(minor):
    """Return how a requirement's marker sees a Python."""
    return {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.1"}


def pins():
    """Return the version that constraints.txt gives to each package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, version = line.split("==")
            assert canonicalize_name(name) not in found, f"{name} is listed twice"
            found[canonicalize_name(name)] = version
    return found


def command(name):
    """Return a module of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked_for():
    """Return what pyproject.toml asks for; what is installed of polylab may still say less."""
    found = list(PROJECT["dependencies"])
    for extra, texts in PROJECT["optional-dependencies"].items():
        for text in texts:
            package, _, marker = text.partition(";")
            found.append(f'{package}; extra == "{extra}"' + (f" and ({marker})" if marker else ""))
    return found


@functools.cache
def closure(**platform):
    """Return the names of all packages that polylab[test] brings to a platform."""
    names, seen, todo = set(), set(), [("polylab", ("test",))]
    while todo:
        name, extras = todo.pop()
        # On Linux torch brings, and pins, its own CUDA libraries.
        if (name, extras) in seen or re.match(r"nvidia-|cuda-|triton$", name):
            continue
        seen.add((name, extras))
        names.add(name)
        try:
            texts = asked_for() if name == "polylab" else importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # a package of another platform, which asks for nothing more
        for requirement in map(Requirement, texts):
            environments = [{**platform, "extra": extra} for extra in ("", *extras)]
            if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
                todo.append((canonicalize_name(requirement.name), tuple(requirement.extras)))
    return names - {"polylab"}


class TestLists:
    """pyproject.toml, constraints.txt and environment.yml agree."""

    def test_each_range_holds_its_proven_version(self):
        extras = PROJECT["optional-dependencies"].values()
        for text in [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]:
            requirement = Requirement(text)
            if requirement.name != "polylab":
                assert requirement.specifier.contains(pins()[requirement.name]), text

    def test_everything_installed_here_is_pinned_to_what_runs(self):
        for name in closure():
            version = importlib.metadata.version(name).split("+")[0]
            assert pins().get(name) == version, f"constraints.txt should say {name}=={version}"

    def test_nothing_is_pinned_in_vain(self):
        # A package may be needed by another system, or by another Python, than this one.
        everywhere = set.union(*(closure(**system, **python(minor))
                                 for system in SYSTEMS for minor in PYTHONS))
        assert set(pins()) == everywhere

    def test_the_proven_pythons_are_named_alike_everywhere(self):
        names = [f"3.{minor}" for minor in PYTHONS]
        classifiers = "\n".join(PROJECT["classifiers"])
        assert re.findall(r"Python :: (3\.\d+)", classifiers) == names
        assert PROJECT["requires-python"] == f">={names[0]}"
        script = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")
        assert "python3 python " + " ".join(f"python{name}" for name in names[::-1]) in script
        for text in (script, (ROOT / "README.md").read_text(encoding="utf-8")):
            assert re.findall(r"(3\.\d+) to (3\.\d+) are known", text) == [(names[0], names[-1])]
        workflow = (ROOT / ".github" / "workflows" / "course.yml").read_text(encoding="utf-8")
        jobs = yaml.safe_load(workflow)["jobs"]
        assert jobs["linux"]["strategy"]["matrix"]["python"] == names
        assert jobs["elsewhere"]["strategy"]["matrix"]["python"] == [names[0], names[-1]]
        image = (ROOT / "class" / "Dockerfile").read_text(encoding="utf-8")
        assert re.search(r"^FROM .*:python-(.*)$", image, re.MULTILINE)[1] in names

    @pytest.mark.parametrize("minor", PYTHONS)
    @pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["platform_system"])
    def test_other_systems_and_pythons_need_nothing_unpinned(self, system, minor):
        names = closure(**system, **python(minor))
        assert len(names) > 100
        assert names <= set(pins())

    def test_the_ends_of_the_ranges_are_proven_with_the_proven_torch(self):
        versions = command("versions")
        assert versions.proven_torch() == pins()["torch"]
        wanted = {Requirement(line).name: Requirement(line).specifier
                  for line in versions.beside_pyproject("2.6.0").splitlines()}
        assert wanted == {"torch": SpecifierSet("==2.6.0"), "setuptools": SpecifierSet(">=77")}
        resolved = "cuda-bindings==13\nnumpy==2.0.0\nnvidia-nccl-cu12==2.2\nsympy==1.13.1\n" \
            "torch==2.6.0\ntriton==3.2.0\n"
        assert versions.without_cuda(resolved) == "numpy==2.0.0\nsympy==1.13.1\ntorch==2.6.0\n"

    def test_the_ends_of_every_range_are_proven(self):
        # The extra that the command asks for brings all others.
        (everything,) = (set(Requirement(text).extras) | {"test"}
                         for text in PROJECT["optional-dependencies"]["test"]
                         if Requirement(text).name == "polylab")
        assert everything == set(PROJECT["optional-dependencies"])

    def test_what_is_left_out_at_the_ends_is_there_to_be_left_out(self):
        for test in command("versions").OF_THE_PROVEN:
            path, group, name = test.split("::")
            assert (ROOT / path).samefile(__file__)
            assert name in vars(globals()[group])

    def test_conda_route_installs_the_same(self):
        environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
        python, pip, by_pip = environment["dependencies"]
        assert environment["name"] == PROJECT["name"]
        name, version = python.split("=")
        assert name == "python"
        assert int(version.removeprefix("3.")) in PYTHONS
        assert Requirement(pip).name == "pip"
        # The package itself, so what pyproject.toml lists, in the versions of constraints.txt.
        assert by_pip == {"pip": ["-c constraints.txt", "-e .", "notebook"]}

    def test_binder_gets_the_notebook_that_goes_with_our_jupyterlab(self):
        # Its image brings notebook 7.4.7, which wants jupyterlab < 4.5.
        needed = [each for each in map(Requirement, importlib.metadata.requires("notebook"))
                  if each.name == "jupyterlab" and not each.marker]
        assert [each.specifier.contains(pins()["jupyterlab"]) for each in needed] == [True]

    def test_pip_understands_the_conda_route(self, tmp_path):
        for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
            shutil.copy(ROOT / name, tmp_path)
        for name in ("polylab", "notebooks"):
            shutil.copytree(ROOT / name, tmp_path / name)
        environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
        # Here is no index to ask for what is named.
        lines = [line for line in environment["dependencies"][-1]["pip"] if line.startswith("-")]
        (tmp_path / "conda.txt").write_text("\n".join(lines), encoding="utf-8")
        answer = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index",
             "--no-build-isolation", "--ignore-installed", "-r", "conda.txt"],
            cwd=tmp_path, capture_output=True, text=True,
        )
        assert "Would install polylab-" + PROJECT["version"] in answer.stdout, answer.stderr

    def test_version_is_said_once(self):
        assert importlib.metadata.version("polylab") == PROJECT["version"]
        assert polylab.__version__ == PROJECT["version"]

    def test_the_changelog_has_this_version_first(self):
        text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        assert re.findall(r"^## (\d\S*)", text, re.MULTILINE)[0] == polylab.__version__
        for path in (ROOT / "class").iterdir():
            for found in re.findall(r"polylab:(\d\S+)|tag: \"(.+)\"", path.read_text("utf-8")):
                assert polylab.__version__ in found, path.name

    def test_the_source_distribution_is_the_whole_course(self, tmp_path):
        copy = tmp_path / "course"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(
            ".venv", ".git", "build", "*.egg-info", "__pycache__", ".hypothesis", ".*cache*"))
        program = "from setuptools import build_meta; build_meta.build_sdist('dist')"
        subprocess.run([sys.executable, "-c", program], cwd=copy, check=True, capture_output=True)
        (archive,) = (copy / "dist").iterdir()
        with tarfile.open(archive) as packed:
            names = {name.partition("/")[2] for name in packed.getnames()}
        course = {str(path.relative_to(ROOT)) for folder in (
            ".ci", ".github", "benchmarks", "class", "docs", "notebooks", "polylab", "site",
            "tests", "tools") for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
            and not any(part.startswith(".ipynb") for part in path.parts)}
        course |= {"Makefile", "README.md", "LICENSE", "constraints.txt", "environment.yml"}
        assert course <= names, course - names

    def test_every_module_is_listed_with_the_package(self):
        listed = re.findall(r"^(\w+)\n    \S", polylab.__doc__, re.MULTILINE)
        modules = [module.name for module in pkgutil.iter_modules(polylab.__path__)]
        assert sorted(listed) == sorted(set(modules) - {"__main__"})


# Stands in for pip in a new .venv: what is offered it asks the real one; else it notes each call,
# then does what PIP_DOES says.
FAKE_PIP = """
import os, sys
if sys.argv[1:] == ["--version"]:
    sys.exit()
if "index" in sys.argv:
    os.execv("{python}", ["{python}", "-m", "pip", *sys.argv[1:]])
with open(os.environ["PIP_CALLS"], "a") as calls:
    print(*sys.argv[1:], file=calls)
exec(os.environ.get("PIP_DOES", ""))
"""

# Stands in for python3: real, but a new .venv gets the pip above instead of a download.
FAKE_PYTHON = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    "{python}" "$@" --without-pip || exit
    mkdir -p .venv/lib/python{minor}/site-packages/pip
    cp "{folder}/fake_pip.py" .venv/lib/python{minor}/site-packages/pip/__main__.py
else
    exec "{python}" "$@"
fi
"""

# Real too, but it takes itself for an older one.
OLD_PYTHON = """#!/bin/sh
exec "{python}" -c 'import sys; sys.version_info = (3, 10, 13); exec(sys.argv[1])' "$2"
"""

NO_VENV = """#!/bin/sh
case "$2" in
    *venv*) echo "ModuleNotFoundError: No module named 'ensurepip'" >&2; exit 1 ;;
    *) exec "{python}" "$@" ;;
esac
"""


class Machine:
    """A copy of the set-up on a machine that has only the commands which are put there."""

    def __init__(self, folder):
        self.commands = folder / "commands"
        self.course = folder / "my course"
        self.calls = folder / "calls"
        self.folder = folder
        self.commands.mkdir()
        self.course.mkdir()
        (self.course / "tools").mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt", "tools/setup.sh"):
            shutil.copy(ROOT / name, self.course / name)
        for command in (*COMMANDS, "cp"):
            (self.commands / command).symlink_to(shutil.which(command))
        self.add("uname", '#!/bin/sh\necho Darwin arm64\n')
        fake = FAKE_PIP.replace("{python}", sys.executable)
        (folder / "fake_pip.py").write_text(fake, encoding="utf-8")

    def add(self, name, script):
        minor = ".".join(map(str, sys.version_info[:2]))
        path = self.commands / name
        path.unlink(missing_ok=True)
        path.write_text(
            script.format(python=sys.executable, minor=minor, folder=self.folder),
            encoding="utf-8",
        )
        path.chmod(0o755)

    def edit(self, old, new):
        """Change one thing in this machine's set-up script, such as what it finds."""
        script = self.course / "tools" / "setup.sh"
        text = script.read_text(encoding="utf-8")
        assert text.count(old) == 1
        script.write_text(text.replace(old, new), encoding="utf-8")

    def make(self, *arguments, **variables):
        environment = {"PATH": str(self.commands), "PIP_CALLS": str(self.calls), **variables}
        return subprocess.run(
            ["make", *arguments], cwd=self.course, env=environment,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )

    def refused(self, *arguments, **variables):
        """Call make, see it fail in plain words, and return these words."""
        answer = self.make(*arguments, **variables)
        assert answer.returncode != 0
        assert "polylab could not be set up." in answer.stderr
        assert "Traceback" not in answer.stdout + answer.stderr
        return answer.stderr

    def pip_calls(self):
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []

    def has_environment(self):
        return (self.course / ".venv").exists()


@pytest.fixture
def machine(tmp_path):
    """Return a machine with a Python of today and a stand-in for pip."""
    machine = Machine(tmp_path)
    machine.add("python3", FAKE_PYTHON)
    return machine


class TestSetUp:
    """`make` makes .venv once, installs in it what is asked for, and repairs it."""

    @pytest.mark.parametrize(
        ("goal", "what"), [("lab", "."), ("class", ".[class]"), ("test", ".[test]")]
    )
    def test_installs_what_the_target_needs(self, machine, goal, what):
        answer = machine.make(f"setup-{goal}")
        assert answer.returncode == 0, answer.stderr
        setuptools, course = machine.pip_calls()
        assert setuptools.endswith(f"setuptools=={pins()['setuptools']}")
        assert "--constraint constraints.txt" in course
        assert course.endswith(f"--editable {what}")

    def test_jupyterlab_asks_no_question_about_news(self, machine):
        machine.make("setup-lab")
        settings = machine.course / ".venv" / "share" / "jupyter" / "lab" / "settings"
        overrides = json.loads((settings / "overrides.json").read_text(encoding="utf-8"))
        assert overrides == {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}

    def test_second_call_has_nothing_to_do(self, machine):
        machine.make("setup-test")
        before = machine.pip_calls()
        for goal in ("lab", "class", "test"):
            answer = machine.make(f"setup-{goal}")
            assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
        assert machine.pip_calls() == before

    def test_a_larger_goal_is_added_to_the_same_environment(self, machine):
        machine.make("setup-lab")
        mark = machine.course / ".venv" / "mark"
        mark.touch()
        assert machine.make("setup-test").returncode == 0
        assert mark.exists()
        assert machine.pip_calls()[-1].endswith("--editable .[test]")

    @pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
    def test_a_changed_list_is_installed(self, machine, name):
        machine.make("setup-lab")
        before = len(machine.pip_calls())
        with (machine.course / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        assert machine.make("setup-lab").returncode == 0
        assert len(machine.pip_calls()) == before + 2

    def test_an_interrupted_environment_is_made_again(self, machine):
        machine.make("setup-lab")
        mark = machine.course / ".venv" / "unfinished"
        mark.touch()
        assert "Making .venv" in machine.make("setup-test").stdout
        assert not mark.exists()

    def test_an_environment_whose_python_is_gone_is_made_again(self, machine):
        machine.make("setup-lab")
        (machine.course / ".venv" / "bin" / "python").unlink()
        assert "Making .venv" in machine.make("setup-lab").stdout

    def test_a_moved_course_gets_a_new_environment(self, machine):
        machine.make("setup-lab")
        machine.course = machine.course.rename(machine.folder / "my other course")
        assert "Making .venv" in machine.make("setup-lab").stdout
        assert machine.make("setup-lab").stdout == ""

    def test_python_can_be_chosen(self, machine):
        machine.add("python3", OLD_PYTHON)
        machine.add("my-python", FAKE_PYTHON)
        assert machine.make("setup-lab", "PYTHON=my-python").returncode == 0

    def test_a_newer_python_is_found_behind_an_old_one(self, machine):
        machine.add("python3", OLD_PYTHON)
        machine.add("python3.12", FAKE_PYTHON)
        assert machine.make("setup-lab").returncode == 0

    def test_large_downloads_are_named(self, machine):
        does = "print('Collecting torch', '  Downloading torch-2.whl (888.1 MB)', sep='\\n')"
        assert "  torch-2.whl (888.1 MB)\n" in machine.make("setup-lab", PIP_DOES=does).stdout


    def test_temporary_files_lie_beside_the_packages(self, machine):
        does = "import os; print('Downloading ' + os.environ['TMPDIR'] + ' (10.0 MB)')"
        said = machine.make("setup-lab", PIP_DOES=does).stdout
        assert f"{machine.course}/.venv/tmp (10.0 MB)" in said
        assert not (machine.course / ".venv" / "tmp").exists()

    def make_on_linux(self, machine, *builds):
        """Set up a Linux without a card, where pip is offered these builds of the pinned torch."""
        machine.add("uname", "#!/bin/sh\necho Linux x86_64\n")
        machine.edit("/dev/nvidiactl /dev/nvidia0 /dev/dxg /proc/driver/nvidia", "/no/card")
        offers = machine.folder / "offers"
        offers.mkdir()
        for build in builds:
            (offers / f"torch-{pins()['torch']}{build}-py3-none-any.whl").touch()
        return machine.make("setup-lab", PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1",
                            PIP_FIND_LINKS=str(offers)).stdout

    def test_a_download_in_vain_is_announced(self, machine):
        said = self.make_on_linux(machine, "", ".post1")
        assert "There is no NVIDIA card here" in said
        assert "make lab PIP_EXTRA_INDEX_URL=https://" in said
        assert machine.make("setup-test").stdout.count("NVIDIA") == 0  # the torch is there

    @pytest.mark.parametrize("builds", [["", "+cpu"], ["+cpu"], []], ids=str)
    def test_no_word_of_cuda_where_pip_takes_another_build(self, machine, builds):
        assert "NVIDIA" not in self.make_on_linux(machine, *builds)

    def test_no_word_of_cuda_where_it_is_not_offered_or_of_use(self, machine):
        assert "NVIDIA" not in machine.make("setup-lab").stdout  # not Linux
        shutil.rmtree(machine.course / ".venv")
        machine.add("nvidia-smi", "#!/bin/sh\n")
        assert "NVIDIA" not in self.make_on_linux(machine, "")


class TestFailures:
    """What can go wrong is said in plain words, and leaves nothing half-made behind."""

    def test_python_too_old(self, machine):
        machine.add("python3", OLD_PYTHON)
        words = machine.refused("lab")
        assert "needs Python 3.11 or newer, but python3 is 3.10.13." in words
        assert "make lab PYTHON=python3.12" in words
        assert not machine.has_environment()

    def test_no_python(self, machine):
        (machine.commands / "python3").unlink()
        words = machine.refused("lab")
        assert "No Python was found." in words
        assert "apt install python3 python3-venv" in words  # or the next error is venv's

    def test_chosen_python_does_not_exist(self, machine):
        assert "PYTHON=python9 was asked for" in machine.refused("lab", "PYTHON=python9")

    def test_chosen_python_is_too_old(self, machine):
        machine.add("my-python", OLD_PYTHON)
        assert "but my-python is 3.10.13." in machine.refused("test", "PYTHON=my-python")

    def test_no_venv_module(self, machine):
        machine.add("python3", NO_VENV)
        words = machine.refused("lab")
        minor = ".".join(map(str, sys.version_info[:2]))
        assert "without its venv module" in words
        assert f"apt install python{minor}-venv" in words
        assert not machine.has_environment()

    @pytest.mark.parametrize(
        ("said", "explained"),
        [("the moon is too bright", "Python said:  the moon is too bright"),
         ("OSError: [Errno 28] No space left on device", "The disk is full")])
    def test_no_environment_can_be_made(self, machine, said, explained):
        machine.add(
            "python3",
            '#!/bin/sh\nif [ "$2" = venv ]; then mkdir .venv; echo "{{said}}" >&2; exit 1; fi\n'
            'exec "{python}" "$@"\n'.replace("{{said}}", said),
        )
        assert explained in machine.refused("lab")
        assert not machine.has_environment()

    def test_no_room_left(self, machine):
        # The kernel's own full disk stands in for a real one.
        (machine.course / ".venv-room").symlink_to("/dev/full")
        machine.add("rm", '#!/bin/sh\nexec true\n')
        assert "The disk is full" in machine.refused("lab", PIP_DOES="sys.exit(1)")

    def test_a_folder_that_cannot_be_written_to(self, machine):
        # For root every folder can be written to, so the shell's own test is made to say no.
        machine.edit("[ -w . ]", "false")
        words = machine.refused("lab")
        assert f"This folder cannot be written to: {machine.course}" in words

    def test_no_network(self, machine, tmp_path):
        # Real pip, and an index at a port of this machine where nobody listens.
        machine.add("python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        words = machine.refused(
            "lab", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0",
            PIP_CONFIG_FILE=os.devnull, PIP_CACHE_DIR=str(tmp_path / "cache"),
        )
        assert "There is no connection to the package index" in words
        assert "HTTPS_PROXY" in words
        assert not machine.has_environment()

    @pytest.mark.parametrize(
        ("said", "explained"),
        [
            ("WARNING: Retrying ... NewConnectionError(... Errno 101 Network is unreachable)",
             "There is no connection"),
            ("ReadTimeoutError: Read timed out.", "There is no connection"),
            ("ProxyError('Cannot connect to proxy.')", "There is no connection"),
            ("SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED)",
             "its certificate was not accepted"),
            ("Could not fetch URL: certificate verify failed: self-signed certificate",
             "its certificate was not accepted"),
            ("ERROR: Could not install packages: [Errno 28] No space left on device",
             "The disk is full"),
            ("ERROR: No matching distribution found for torch==2.13.0", "torch==2.13.0"),
            ("ERROR: the moon is too bright", "ERROR: the moon is too bright"),
        ],
    )
    def test_pip_fails(self, machine, said, explained):
        words = machine.refused("lab", PIP_DOES=f"print({said!r}); sys.exit(1)")
        assert explained in words
        assert not machine.has_environment()
        assert machine.make("setup-lab").returncode == 0

    def test_a_failed_addition_leaves_what_worked(self, machine):
        machine.make("setup-lab")
        machine.refused("test", PIP_DOES="sys.exit(1)")
        assert machine.make("setup-lab").stdout == ""
        assert machine.make("setup-test").returncode == 0


def table(name, row):
    """Return the parts of those table rows of a text that a pattern describes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"^\| {row} \|$", text, re.MULTILINE)


class TestCommands:
    """The targets do what the README says they do."""

    def test_make_alone_lists_every_target(self):
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = set(re.search(r"^\.PHONY: (.*)", text, re.MULTILINE)[1].split())
        answer = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
        listed = set(re.findall(r"^make ([\w-]+)", answer.stdout, re.MULTILINE))
        assert listed == {t for t in targets if t != "help" and not t.startswith("setup-")}

    def test_the_texts_name_only_targets_that_exist(self):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "site").glob("*.md")]
        for path in texts:
            text = path.read_text(encoding="utf-8")
            for target in re.findall(r"`make ([\w-]+)|^    make ([\w-]+)", text, re.MULTILINE):
                assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), target

    def test_map_agrees_with_the_notebooks(self):
        rows = table("README.md", r"\[(\d\d) (.*?)\]\(notebooks/(\S+)\) \| .* \| (\d+) \| (\d+)")
        start = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
        own_map = "\n".join(cell.source for cell in start.cells)
        assert [number for number, *_ in rows] == [f"{number:02}" for number in range(18)]
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            text = "\n".join(
                cell.source for cell in nbformat.read(path, as_version=4).cells
                if cell.cell_type == "markdown"
            )
            number, title = re.match(r"# (\d\d)\. (.*)", text).groups()
            minutes = re.search(r"(\d+) minutes", text)[1]
            efforts = re.findall(r"^\*(\d+) minutes · \w+\*$", text, re.MULTILINE)
            row = (number, title, path.name, minutes, str(sum(map(int, efforts))))
            assert row in rows, ("README: write into the table of the course number, title, file, "
                                 f"minutes and the sum of the exercises' minutes: {row}")
            assert f"| [{number} {title}]({path.name}) | {minutes} |" in own_map

    def test_sessions_add_up(self):
        rows = table("README.md", r"\[(\d\d) .* \| (\d+) \| \d+")
        minutes = {number: int(minutes) for number, minutes in rows}
        sessions = table("site/teachers.md", r"\d \| ([\d, ]+) \| (\d+) \| .*?")
        assert len(sessions) == 9
        for numbers, total in sessions:
            assert sum(minutes[number] for number in numbers.split(", ")) == int(total)

    def test_lab_serves_the_notebooks_and_prints_the_address(self, tmp_path):
        # Without any command that could be a browser; setup.sh is left out.
        commands = tmp_path / "commands"
        commands.mkdir()
        for command in COMMANDS:
            (commands / command).symlink_to(shutil.which(command))
        environment = {"PATH": str(commands), "HOME": str(tmp_path)}
        server = subprocess.Popen(
            ["make", "lab", "--old-file=setup-lab", f"python={sys.executable}",
             "OPTIONS=--port=0 --ServerApp.port_retries=0"],
            cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        try:
            seen = ""
            for line in server.stderr:
                seen += line
                if "http://127.0.0.1" in line:
                    break
            address = re.search(r"(http://127\.0\.0\.1:\d+)/lab\S*\?token=(\S+)", seen)
            assert address, seen
            root, token = address.groups()
            headers = {"Authorization": f"token {token}"}
            request = urllib.request.Request(f"{root}/api/contents", headers=headers)
            served = None
            for _ in range(100):  # the address is printed a moment before it answers
                try:
                    with urllib.request.urlopen(request) as answer:
                        served = {entry["name"] for entry in json.load(answer)["content"]}
                        break
                except urllib.error.URLError:
                    time.sleep(0.1)
            assert served == {path.name for path in (ROOT / "notebooks").glob("[!.]*")}
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()


class TestContinuousIntegration:
    """`.ci/run` installs what is missing, runs the README's test command, and holds a class."""

    def run(self, tmp_path, *present, user=0):
        commands = tmp_path / "commands"
        commands.mkdir()
        for command in ("bash", "dirname", "env"):
            (commands / command).symlink_to(shutil.which(command))
        for command in present:
            script = f'#!{shutil.which("sh")}\necho "{command} $* browser=$POLYLAB_BROWSER"\n'
            (commands / command).write_text(script, encoding="utf-8")
            (commands / command).chmod(0o755)
        (commands / "id").write_text(f"#!{shutil.which('sh')}\necho {user}\n", encoding="utf-8")
        (commands / "id").chmod(0o755)
        return subprocess.run(
            [ROOT / ".ci" / "run"], env={"PATH": str(commands)}, capture_output=True, text=True
        )

    @pytest.mark.parametrize(("user", "classes"), [
        (0, ["make class-test OPTIONS=--learners 2 browser=required"]), (1000, [])])
    def test_requires_a_browser_and_of_root_a_class(self, tmp_path, user, classes):
        answer = self.run(tmp_path, "make", "python3", "chromium", "npm", "apt-get", user=user)
        assert answer.returncode == 0, answer.stderr
        install, *made = answer.stdout.splitlines()[-2 - len(classes):]
        assert install.startswith("npm install")
        assert "configurable-http-proxy" in install
        assert made == ["make test browser=required", *classes]

    def test_installs_what_is_missing(self, tmp_path):
        answer = self.run(tmp_path, "make", "apt-get")
        lines = answer.stdout.splitlines()
        assert lines[0].startswith("apt-get update")
        assert lines[1].startswith("apt-get install")
        for package in ("python3", "python3-venv", "chromium-headless-shell", "nodejs", "npm"):
            assert f" {package} " in lines[1]

    def test_says_so_where_nothing_can_be_installed(self, tmp_path):
        answer = self.run(tmp_path, "make", "python3")
        assert answer.returncode == 1
        assert "there is no apt-get to install it: chromium-headless-shell" in answer.stderr
