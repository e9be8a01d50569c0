import shutil
import subprocess
from pathlib import Path

import pytest

from harness.reporting import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def complaints(page: Path, profile: Path) -> list[str]:
    """What a browser writes to the console of a page; a request that the page's own policy stops is there."""
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", "--enable-logging=stderr", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "</html>" in run.stdout
    return [line for line in run.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_a_browser_finds_nothing_to_complain_about(hostile_folder: Path, tmp_path: Path) -> None:
    page = write_report(hostile_folder)
    assert complaints(page, tmp_path / "profile") == []
    attack = '<img src="http://evil.example/p.png"><script>alert(1)</script></body>'
    page.write_text(page.read_text("utf-8").replace("</body>", attack), "utf-8")
    assert len(complaints(page, tmp_path / "profile")) >= 2
