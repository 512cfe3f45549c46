"""A class of four on this machine, and the settings for a larger one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROXY = ROOT / "build" / "proxy" / "node_modules" / ".bin"


def missing():
    """Say what a class needs and this machine does not have, or nothing."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can make users of the system"
    if shutil.which("configurable-http-proxy") is None and not PROXY.exists():
        return "the hub's proxy is not installed (npm: configurable-http-proxy)"
    return None


def test_four_learners_work_and_one_of_them_misbehaves():
    if reason := missing():
        if os.environ.get("POLYLAB_CLASS") == "required":
            pytest.fail(f"{reason}; POLYLAB_CLASS says that this must not be skipped")
        pytest.skip(f"{reason}, so no class can be held")
    run = subprocess.run([sys.executable, "tools/class_test.py", "--learners", "4"], cwd=ROOT,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "things that went wrong                          0" in run.stdout


def test_a_cluster_gives_what_one_machine_gives():
    values = yaml.safe_load((ROOT / "class" / "kubernetes.yaml").read_text(encoding="utf-8"))
    config = (ROOT / "class" / "jupyterhub_config.py").read_text(encoding="utf-8")
    learner = values["singleuser"]
    assert learner["extraEnv"] == {"OMP_NUM_THREADS": "1"}
    assert '"OMP_NUM_THREADS": "1"' in config
    assert learner["memory"]["limit"] == "1500M"
    assert "MEMORY = 1500 * 2**20" in config
    assert learner["networkPolicy"]["enabled"]
    command = learner["lifecycleHooks"]["postStart"]["exec"]["command"]
    assert command[1:4] == ["-m", "polylab", "start"]
    assert command[-1] == "--only-copy"
