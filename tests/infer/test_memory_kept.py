"""Where a Runner computes on the CPU, large tensors find their pages in place again."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")

FAULTS = """
import resource
import torch
from pixcli.infer.footprint import Footprint
from pixcli.infer.runner import Runner
Runner(torch.nn.Identity(), Footprint(reach=0), torch.device("cpu"))
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):  # until it has found its places
    torch.ones(16 << 20)
before = faults()
for _ in range(10):
    torch.ones(16 << 20)  # 64 MB: 16,384 pages
print(faults() - before)
"""


def faults(**variables: str) -> int:
    own = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=own | variables, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_freed_memory_is_used_again() -> None:
    assert faults() < 1000


def test_what_the_user_has_set_stands() -> None:
    assert faults(MALLOC_MMAP_THRESHOLD_=str(1 << 20)) > 160_000
