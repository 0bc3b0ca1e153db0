"""Facts about the machine, checked against other sources."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tandem.machine.host import host, version


def test_host_tells_what_other_sources_tell() -> None:
    facts = host()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["hostname"] == Path("/proc/sys/kernel/hostname").read_text().strip()
    assert facts["kernel"] == Path("/proc/sys/kernel/osrelease").read_text().strip()
    processors = re.findall(r"^cpu\d+", Path("/proc/stat").read_text(), re.MULTILINE)
    assert facts["cpu_logical_count"] == len(processors)
    total = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    assert total is not None
    assert facts["memory_total_bytes"] == int(total[1]) * 1024
    assert facts["python"] == sys.version.split()[0]
    assert facts["tandem"] == version()
    for name in ("os", "cpu_model"):
        assert facts[name] is None or facts[name] == facts[name].strip() != ""
