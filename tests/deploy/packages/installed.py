"""The packages of the build, installed into an empty root."""
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]
from processes import run  # noqa: E402

REPO = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("QUORATE_BIN", REPO / "build/release/bin")).resolve().parent
DAEMONS = ("coordinator", "agent", "archiver")
PACKAGES = ("quorate", *(f"quorate-{daemon}" for daemon in DAEMONS))


def packages():
    """The .deb files by package name, as ./dev package makes them."""
    found = {path.name.split("_")[0]: path for path in (BUILD / "packages").glob("*.deb")}
    assert sorted(found) == sorted(PACKAGES), f"not what ./dev package makes: {found}"
    return found


class Root:
    """An empty root with the packages in it. dpkg believes that beside them there is what this machine has installed,
    so that a dependency which Debian does not have, or we did not name, is an error."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="quorate-root-"))
        self.path.chmod(0o755)
        for folder in ("etc", "usr", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "tmp", "run"):
            (self.path / folder).mkdir(parents=True)
        shutil.copy("/var/lib/dpkg/status", self.path / "var/lib/dpkg/status")
        self.debs = packages()
        self.transcript = self.dpkg("--install", *self.debs.values())

    def dpkg(self, *arguments):
        force = "script-chrootless" if os.getuid() == 0 else "script-chrootless,not-root"
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return run("dpkg", f"--root={self.path}", f"--force-{force}", *arguments, env={**os.environ, "PATH": path, "LC_ALL": "C"})

    def at(self, path):
        """Where a path of the root is on this machine."""
        return self.path / str(path).lstrip("/")

    def unit(self, daemon):
        return self.at(f"/usr/lib/systemd/system/quorate-{daemon}.service")

    def setting(self, daemon, key):
        """The values of a key of a daemon's unit."""
        lines = self.unit(daemon).read_text().splitlines()
        return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]

    def command(self, daemon, key="ExecStart"):
        """The unit's command line, with its absolute paths taken from the root."""
        (line,) = self.setting(daemon, key)
        return [str(self.at(word)) if word.startswith("/") else word for word in line.split()]

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
