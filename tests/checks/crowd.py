"""Check right answers in many kernels at once: ``python tests/checks/crowd.py [KERNELS [ROUNDS]]``.

Every kernel takes as many threads as torch likes, as on a class server that nobody has set up. It
prints how many right answers pass, and how long the slowest check took. Not one may be refused.
"""

import os
import subprocess
import sys

KERNEL = """
import sys, time, torch
from polylab.checks import check_module, check_tensor

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = torch.nn.Parameter(torch.randn(1000, 100))
        self.w2 = torch.nn.Parameter(torch.randn(100, 10))

    def forward(self, x):
        return (x @ self.w1).clamp(min=0) @ self.w2

def gradient_of_w1(x, y, w1, w2):
    hidden = (x @ w1).clamp(min=0)
    slope = 2 * (hidden @ w2 - y)
    return x.T @ ((slope @ w2.T) * (hidden > 0))

for _ in range(int(sys.argv[1])):
    for check, answer, name in ((check_module, Net, "two layers"),
                                (check_tensor, gradient_of_w1, "gradient_of_w1")):
        began = time.perf_counter()
        verdict = check(answer, name)
        print(time.perf_counter() - began, verdict)
"""


def main(kernels=24, rounds=4):
    """Run the kernels and return how many right answers were refused."""
    environment = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    running = [subprocess.Popen([sys.executable, "-c", KERNEL, str(rounds)], text=True,
                                env=environment, stdout=subprocess.PIPE)
               for _ in range(kernels)]
    lines = [line.split(" ", 1) for kernel in running
             for line in kernel.communicate()[0].splitlines()]
    refused = [said for _, said in lines if not said.startswith("Right: ")]
    print(f"{len(lines) - len(refused)} of {2 * kernels * rounds} right answers pass; the slowest "
          f"check took {max(float(seconds) for seconds, _ in lines):.1f} s")
    print(*refused, sep="\n")
    return 2 * kernels * rounds - len(lines) + len(refused)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
