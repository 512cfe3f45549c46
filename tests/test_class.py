"""The settings for a class on a cluster; `make class-test` holds a real one on this machine."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


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
