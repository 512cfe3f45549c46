"""A JupyterHub for one class on one machine: `make class` starts it, site/class.md explains it.

Each learner is a user of the system, logs in with the system's own password, and gets a server that
runs as this user, with the course in ~/polylab. The hub runs as root, because only root can start a
program as somebody else.
"""

import grp
import os
import resource
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner

STATE = Path(os.environ.get("POLYLAB_CLASS_STATE", "/var/lib/polylab-class"))
COURSE = "polylab"  # the folder in each learner's home
MEMORY = 1500 * 2**20  # bytes that one process may hold; notebook 13, the largest, takes 600 MB
IDLE_KERNEL, IDLE_SERVER = 30 * 60, 2 * 60 * 60  # seconds until what nobody uses is ended

if os.geteuid() != 0:
    sys.exit("The hub must be started as root: sudo make class")
if shutil.which("configurable-http-proxy") is None:
    sys.exit("The hub needs a proxy: sudo apt install nodejs npm, then "
             "sudo npm install --global configurable-http-proxy")


GROUPS = {group.gr_name for group in grp.getgrall()}
if "learners" not in GROUPS:
    sys.exit("The hub lets in who is in the group learners, and there is no such group: "
             "sudo groupadd learners, then for each learner "
             "sudo useradd --create-home --groups learners NAME")


class LearnerSpawner(LocalProcessSpawner):
    """Starts a learner's server, with a limit on what each of its processes may hold."""

    def make_preexec_fn(self, name):
        """Return what the new process does before it becomes the server."""
        become_the_learner = super().make_preexec_fn(name)

        def prepare():
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            os.umask(0o077)  # what a learner writes is read by nobody else
            become_the_learner()

        return prepare


def bring_the_course(spawner):
    """Copy the notebooks that a learner does not have yet; what is there is never touched."""
    user, home = spawner.user.name, Path(f"~{spawner.user.name}").expanduser()
    home.chmod(0o700)
    subprocess.run(
        [sys.executable, "-m", "polylab", "start", str(home / COURSE), "--only-copy"],
        user=user, group=home.stat().st_gid, extra_groups=[], umask=0o077, cwd=home,
        env={"HOME": str(home), "PATH": os.environ["PATH"]}, check=True, capture_output=True)


def secret(name):
    """Return a secret that is the same at the next start, so that open servers stay in reach."""
    path = STATE / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii")


STATE.mkdir(mode=0o700, parents=True, exist_ok=True)

c = get_config()  # noqa: F821 (JupyterHub defines it)

# Who may come in: the system's users in the group "learners"; "teachers" see the admin page.
c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.open_sessions = False
c.PAMAuthenticator.allowed_groups = {"learners", "teachers"} & GROUPS
c.PAMAuthenticator.admin_groups = {"teachers"} & GROUPS

# What each gets: the course, one thread for each kernel, and no more memory than a lesson needs.
c.JupyterHub.spawner_class = LearnerSpawner
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.pre_spawn_hook = bring_the_course
c.Spawner.notebook_dir = f"~/{COURSE}"
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.environment = {"OMP_NUM_THREADS": "1"}
c.Spawner.args = [f"--MappingKernelManager.cull_idle_timeout={IDLE_KERNEL}",
                  "--MappingKernelManager.cull_interval=300",
                  "--LabApp.news_url=None"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 300  # thirty at once on two cores take a while
c.JupyterHub.concurrent_spawn_limit = 30

# Whoever starts the hub again finds every server still running.
c.JupyterHub.db_url = f"sqlite:///{STATE}/hub.sqlite"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie-secret")
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = True
c.ConfigurableHTTPProxy.auth_token = secret("proxy-token")
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")

# Servers that nobody uses are ended; the files stay.
c.JupyterHub.load_roles = [{
    "name": "idle-culler",
    "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    "services": ["idle-culler"],
}]
c.JupyterHub.services = [{
    "name": "idle-culler",
    "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE_SERVER}"],
}]
