"""Hold a class: a real hub, real users, a whole notebook each, and one who misbehaves.

    sudo python tools/class_test.py              thirty learners
    sudo python tools/class_test.py --learners 4

Makes users of this system (and removes them at the end), starts the hub of ``class/`` on loopback
with a state of its own, and lets all learners log in at once. Each runs notebook 05 from the first
cell to the last, moves the learning-rate lab as a page does, and passes an exercise. Meanwhile one
learner asks for 2 GB and loops for ever. Then everybody knocks at a neighbour's door, and the hub
is stopped and started. Prints a table; the exit status says whether all held.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import nbformat
import psutil
import requests
import websocket

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = "05_let_autograd_find_the_gradient.ipynb"
PATIENCE = 600  # seconds for anything

MOVE_THE_LAB = """
from polylab.lab import LearningRateLab
lab = LearningRateLab()
print(lab.model_id)
"""
PASS_AN_EXERCISE = """
import numpy as np
from polylab.checks import check_gradient
def gradient_of(coefficients, x, y):
    residual = sum(c * x**k for k, c in enumerate(coefficients)) - y
    return np.array([np.sum(2 * residual * x**k) for k in range(4)])
print(check_gradient(gradient_of).passed)
"""
MISBEHAVE = """
import numpy as np
try:
    kept = np.ones(2 * 2**30 // 8)
    print("took 2 GB")
except MemoryError:
    print("MemoryError")
while True:
    pass
"""


def let_others_in():
    """Give this process a view of the disk in which every user can reach Python and the course.

    Where they lie in the home of root, or of a developer, others may not pass. The folders in the
    way are replaced, in a mount namespace of this process alone, by open ones that hold only what
    is needed. The disk itself is not changed.
    """
    needed = {ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    needed -= {path for path in needed if needed & set(path.parents)}  # .venv comes with its course
    closed = {ancestor for path in needed for ancestor in path.parents
              if not ancestor.stat().st_mode & 0o001}
    if not closed:
        return
    if "POLYLAB_OWN_MOUNTS" not in os.environ:
        os.environ["POLYLAB_OWN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    for folder in sorted(closed):
        held = {path: Path(tempfile.mkdtemp(prefix="polylab-")) for path in needed
                if folder in path.parents}
        for path, place in held.items():
            run("mount", "--bind", path, place)
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        for path, place in held.items():
            path.mkdir(parents=True)
            run("mount", "--move", place, path)
            place.rmdir()


def run(*command, **settings):
    """Run a command of the system; fail with what it said."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **settings)
    if done.returncode:
        raise SystemExit(f"class test: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def learners(count):
    """Make users of the system, yield {name: password}, remove them and their homes."""
    passwords = {f"polylab-test-{number:02}": secrets.token_urlsafe(12)
                 for number in range(1, count + 1)}
    made_group = not re.search(r"^learners:", Path("/etc/group").read_text(), re.MULTILINE)
    if made_group:
        run("groupadd", "learners")
    try:
        for name in passwords:
            run("useradd", "--create-home", "--groups", "learners", "--shell", "/bin/bash", name)
        run("chpasswd", input="".join(f"{n}:{p}\n" for n, p in passwords.items()))
        yield passwords
    finally:
        for process in psutil.process_iter(["username"]):
            if process.info["username"] in passwords:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(1)
        for name in passwords:
            subprocess.run(["userdel", "--force", "--remove", name], check=False,
                           capture_output=True)
        if made_group:
            subprocess.run(["groupdel", "learners"], check=False, capture_output=True)


def free_port():
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Hub:
    """The hub of ``class/`` with a state and a port of its own."""

    def __init__(self, state):
        self.state = state
        self.address = f"http://127.0.0.1:{free_port()}"
        self._log = (state / "log").open("ab")

    def start(self):
        """Start the hub and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", f"--config={ROOT / 'class/jupyterhub_config.py'}",
             f"--JupyterHub.bind_url={self.address}", f"--JupyterHub.hub_port={free_port()}",
             f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{free_port()}"],
            cwd=self.state, env={**os.environ, "POLYLAB_CLASS_STATE": str(self.state)},
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{self.address}/hub/health", timeout=5).ok:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.3)
        raise SystemExit(f"class test: the hub did not start:\n{self.log()[-3000:]}")

    def stop(self):
        """Stop the hub and its proxy as an administrator would; servers go on."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def log(self):
        """Return what the hub has printed."""
        return (self.state / "log").read_text(encoding="utf-8", errors="replace")


class Learner:
    """One learner at a browser: logs in, has a server, runs code in a kernel."""

    def __init__(self, hub, name, password):
        self.hub, self.name, self.password = hub, name, password
        self.web = requests.Session()
        self.home = Path(f"/home/{name}")

    def log_in(self):
        """Log in by the form, as a browser does."""
        form = self.web.get(f"{self.hub.address}/hub/login", timeout=PATIENCE)
        answer = self.web.post(
            f"{self.hub.address}/hub/login?next=%2Fhub%2Fhome", timeout=PATIENCE,
            data={"username": self.name, "password": self.password,
                  "_xsrf": re.search(r'name="_xsrf" value="([^"]+)"', form.text)[1]})
        answer.raise_for_status()
        self.token = self.api("post", f"hub/api/users/{self.name}/tokens", json={})["token"]

    def enter(self):
        """Log in, ask for the server if there is none yet, and wait until it answers."""
        if not hasattr(self, "token"):
            self.log_in()
        if not self.api("get", f"hub/api/users/{self.name}")["server"]:
            self.api("post", f"hub/api/users/{self.name}/server")
        end = time.monotonic() + PATIENCE
        while not self.api("get", f"hub/api/users/{self.name}")["server"]:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: no server after {PATIENCE} s")
            time.sleep(0.5)

    def api(self, verb, path, **settings):
        """Ask the hub or the server; return the answer."""
        if hasattr(self, "token"):
            headers = {"Authorization": f"token {self.token}"}
        else:
            headers = {"X-XSRFToken": self.web.cookies.get("_xsrf", path="/hub/")}
        asked = requests if hasattr(self, "token") else self.web
        answer = asked.request(verb, f"{self.hub.address}/{path}", headers=headers,
                               timeout=PATIENCE, **settings)
        if not answer.ok:
            raise RuntimeError(f"{self.name}: {verb} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.text else None

    def start_kernel(self):
        """Start a kernel in the learner's course folder."""
        return self.api("post", f"user/{self.name}/api/kernels",
                        json={"name": "python3", "path": "."})["id"]

    @contextlib.contextmanager
    def channel(self, kernel):
        """Open the web socket that a page talks to a kernel through."""
        address = self.hub.address.replace("http", "ws")
        socket = websocket.create_connection(
            f"{address}/user/{self.name}/api/kernels/{kernel}/channels", timeout=PATIENCE,
            header=[f"Authorization: token {self.token}"])
        try:
            yield socket
        finally:
            socket.close()

    def send(self, socket, kind, content):
        """Send one message; return its id."""
        message = uuid.uuid4().hex
        header = {"msg_id": message, "msg_type": kind, "session": self.name, "version": "5.3",
                  "username": self.name, "date": ""}
        socket.send(json.dumps({"header": header, "parent_header": {}, "metadata": {},
                                "content": content, "channel": "shell", "buffers": []}))
        return message

    def receive(self, socket):
        """Return the next message; those that carry binary buffers are of no interest here."""
        while isinstance(frame := socket.recv(), bytes):
            pass
        return json.loads(frame)

    def run(self, socket, code):
        """Run code; return what it printed and the name of its error, or None."""
        message = self.send(socket, "execute_request", {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": False})
        printed, error = "", None
        while True:
            answer = self.receive(socket)
            if answer["parent_header"].get("msg_id") != message:
                continue
            content = answer["content"]
            if answer["msg_type"] == "stream":
                printed += content["text"]
            elif answer["msg_type"] == "error":
                error = f"{content['ename']}: {content['evalue']}"
            elif answer["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed, error


def lesson(learner, began):
    """Do what a learner does in one lesson; return the seconds it took and what went wrong."""
    wrong = []
    learner.enter()
    ready = time.monotonic() - began
    learner.kernel = learner.start_kernel()
    cells = nbformat.read(learner.home / "polylab" / NOTEBOOK, as_version=4).cells
    with learner.channel(learner.kernel) as socket:
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            _, error = learner.run(socket, cell.source)
            if bool(error) != ("raises-exception" in cell.metadata.get("tags", [])):
                wrong.append(f"{learner.name}: {cell.source[:60]!r}: {error}")
        done = time.monotonic() - began
        model, error = learner.run(socket, MOVE_THE_LAB)
        learner.send(socket, "comm_msg", {"comm_id": model.strip(), "data": {
            "method": "update", "state": {"rate": 3.25e-6}, "buffer_paths": []}})
        moved, error = learner.run(socket, "print(lab.rate, lab.trajectory.rate)")
        if moved.split() != ["3.25e-06", "3.25e-06"]:
            wrong.append(f"{learner.name}: the lab did not follow: {moved} {error}")
        passed, error = learner.run(socket, PASS_AN_EXERCISE)
        if passed.strip() != "True":
            wrong.append(f"{learner.name}: a right answer did not pass: {passed} {error}")
        learner.run(socket, "kept = 'mine'")
    (mine := learner.home / "polylab" / "notes.txt").write_text("mine", encoding="utf-8")
    os.chown(mine, pwd.getpwnam(learner.name).pw_uid, -1)
    return ready, done, wrong


def misbehave(learner):
    """Ask for 2 GB, then loop for ever; return what was answered to the first."""
    kernel = learner.start_kernel()
    with learner.channel(kernel) as socket:
        learner.send(socket, "execute_request", {
            "code": MISBEHAVE, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": False})
        while True:
            answer = learner.receive(socket)
            if answer["msg_type"] == "stream":
                return answer["content"]["text"].strip()


def knock(learner, neighbour):
    """Try a neighbour's server and files; return what let the learner in."""
    headers = {"Authorization": f"token {learner.token}"}
    answer = requests.get(f"{learner.hub.address}/user/{neighbour.name}/api/contents",
                          headers=headers, timeout=PATIENCE)
    wrong = [] if answer.status_code == 403 else [
        f"{learner.name} reached {neighbour.name}'s server: {answer.status_code}"]
    with learner.channel(learner.kernel) as socket:
        _, error = learner.run(socket, f"open('{neighbour.home}/polylab/notes.txt').read()")
        if not (error or "").startswith("PermissionError"):
            wrong.append(f"{learner.name} read {neighbour.name}'s file: {error}")
    return wrong


def still_there(learner):
    """Return what a learner misses after the hub was stopped and started."""
    with learner.channel(learner.kernel) as socket:
        kept, error = learner.run(socket, "print(kept)")
    text = (learner.home / "polylab" / "notes.txt").read_text(encoding="utf-8")
    return [] if (kept.strip(), text) == ("mine", "mine") else [f"{learner.name}: lost: {error}"]


def memory_of(names):
    """Return the proportional memory of all processes of some users, in bytes."""
    total = 0
    for process in psutil.process_iter(["username"]):
        if process.info["username"] in names:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return total


def hold(count):
    """Hold a class of so many learners; print the table; return whether all held."""
    with (learners(count) as passwords, tempfile.TemporaryDirectory(prefix="polylab-hub-") as state,
          concurrent.futures.ThreadPoolExecutor(count) as crowd):
        hub = Hub(Path(state))
        hub.start()
        try:
            everybody = [Learner(hub, *item) for item in passwords.items()]
            began = time.monotonic()
            lessons = [crowd.submit(lesson, learner, began) for learner in everybody[1:]]
            everybody[0].enter()
            answer = misbehave(everybody[0])
            results = [future.result() for future in lessons]
            whole = time.monotonic() - began
            memory = memory_of(set(passwords))
            results.append(lesson(everybody[0], time.monotonic()))
            wrong = [line for *_, lines in results for line in lines]
            if answer != "MemoryError":
                wrong.append(f"2 GB for one learner: {answer}")
            pairs = zip(everybody, [*everybody[1:], everybody[0]], strict=True)
            for lines in crowd.map(lambda pair: knock(*pair), pairs):
                wrong += lines
            hub.stop()
            hub.start()
            for lines in crowd.map(still_there, everybody):
                wrong += lines
        except Exception:
            print(hub.log()[-4000:], file=sys.stderr)
            raise
        finally:
            hub.stop()
    ready, done, _ = zip(*results[:-1], strict=True)
    print(f"{'learners, one of them misbehaving':40} {count:8}")
    for name, times in (("a server", ready), ("the whole of notebook 05", done)):
        print(f"{f'seconds to {name}, median':40} {statistics.median(times):8.0f}")
        print(f"{f'seconds to {name}, slowest':40} {max(times):8.0f}")
    print(f"{'seconds until all were done':40} {whole:8.0f}")
    print(f"{'memory of all together, GB':40} {memory / 1e9:8.1f}")
    print(f"{'things that went wrong':40} {len(wrong):8}")
    print(*wrong, sep="\n")
    return not wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hold a class on this machine.")
    parser.add_argument("--learners", type=int, default=30)
    choice = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("class test: it makes users of the system, so it must be started as root")
    if choice.learners < 2:
        sys.exit("class test: a class has at least 2 learners")
    proxy = ROOT / "build" / "proxy" / "node_modules" / ".bin"
    os.environ["PATH"] = f"{proxy}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("configurable-http-proxy") is None:
        sys.exit("class test: the hub's proxy is missing: npm install --prefix build/proxy "
                 "configurable-http-proxy")
    let_others_in()
    sys.exit(not hold(choice.learners))
