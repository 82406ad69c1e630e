"""What the packages hold, on a root that they were installed into."""
import gzip
import os
import re
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from installed import BUILD, DAEMONS, PACKAGES, Root
from processes import run


def help_of(*words):
    return run(BUILD / "bin" / words[0], *words[1:], "--help")


def below(text):
    section = re.search(r"^Subcommands:\n((?:  .*\n|\s*\n)*)", text, re.M)
    return re.findall(r"^  ([a-z][a-z-]*)\s+\S", section[1], re.M) if section else []


def all_verbs(words=("quorate",)):
    yield words
    for verb in below(help_of(*words)):
        yield from all_verbs((*words, verb))


def plain(page):
    """A page's text without its markup."""
    return re.sub(r"\\f[BRIP]|\\,|\\/", "", page).replace("\\-", "-")


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Root()
        print(cls.root.transcript)

    @classmethod
    def tearDownClass(cls):
        cls.root.remove()

    def test_01_every_package_is_installed_and_runs(self):
        for name in PACKAGES:
            self.assertIn("install ok installed", self.root.dpkg("--status", name))
            self.assertIn(name if name != "quorate" else "", run(self.root.at(f"/usr/bin/{name}"), *version_words(name)))

    def test_02_dependencies_are_libraries_of_debian_found_by_themselves(self):
        for name, deb in self.root.debs.items():
            depends = run("dpkg-deb", "--field", deb, "Depends")
            self.assertIn("libc6", depends)
            self.assertEqual("libsystemd0" in depends, name != "quorate", f"{name}: {depends}")
            self.assertEqual("libpqxx" in depends, name in ("quorate-coordinator", "quorate-archiver"), f"{name}: {depends}")
            self.assertNotIn("-dev", depends)

    def test_03_configurations_are_conffiles_that_the_group_alone_may_read(self):
        group = re.search(r"^quorate:[^:]*:(\d+):", self.root.at("/etc/group").read_text(), re.M)
        self.assertTrue(group, "postinst made no group")
        for daemon in DAEMONS:
            file = self.root.at(f"/etc/quorate/{daemon}.yaml")
            mode = stat.S_IMODE(file.stat().st_mode)
            self.assertEqual(oct(mode), oct(0o640))
            if os.getuid() == 0:
                self.assertEqual((file.stat().st_uid, file.stat().st_gid), (0, int(group[1])))
            self.assertIn(f"/etc/quorate/{daemon}.yaml", run("dpkg-deb", "--info", self.root.debs[f"quorate-{daemon}"], "conffiles"))
        self.assertEqual(oct(stat.S_IMODE(self.root.at("/etc/quorate").stat().st_mode)), oct(0o750))

    def test_04_every_configuration_is_one_that_its_daemon_accepts(self):
        for daemon in DAEMONS:
            examples = sorted(self.root.at(f"/usr/share/doc/quorate-{daemon}/examples").glob("*.yaml"))
            self.assertEqual([path.name for path in examples], ["one-host.yaml", "several-hosts.yaml"])
            for file in (self.root.at(f"/etc/quorate/{daemon}.yaml"), *examples):
                said = run(self.root.at(f"/usr/bin/quorate-{daemon}"), "--config", file, "--check-config")
                self.assertEqual(said, f"{file}: ok\n")

    def test_05_every_verb_and_option_is_in_a_manual_page(self):
        wanted = {"-".join(words): words for words in all_verbs()}
        pages = {path.name.removesuffix(".1.gz"): path for path in self.root.at("/usr/share/man/man1").iterdir()}
        self.assertEqual(sorted(pages), sorted(wanted))
        self.assertGreater(len(wanted), 30)
        for daemon in DAEMONS:
            name = f"quorate-{daemon}"
            wanted[name], pages[name] = (name,), self.root.at(f"/usr/share/man/man8/{name}.8.gz")
        for name, words in wanted.items():
            said = help_of(*words)
            text = plain(gzip.open(pages[name], "rt").read())
            options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", said))
            self.assertEqual({option for option in options if option not in text}, set(), f"not in {name}")
            for verb in below(said):
                self.assertIn(f"\n{verb}\n", text, f"not in {name}")
        for daemon in DAEMONS:  # what no --help says
            text = plain(gzip.open(pages[f"quorate-{daemon}"], "rt").read())
            for part in ("SIGHUP", f"/usr/share/doc/quorate-{daemon}/configuration.md", ".SH DESCRIPTION"):
                self.assertIn(part, text, f"not in quorate-{daemon}")

    def test_06_man_has_nothing_to_complain_about(self):
        for page in [*self.root.at("/usr/share/man/man1").iterdir(), *self.root.at("/usr/share/man/man8").iterdir()]:
            done = subprocess.run(["man", "--warnings", "--local-file", page], text=True, capture_output=True, check=False,
                                  stdin=subprocess.DEVNULL, env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)
            self.assertIn("SYNOPSIS", done.stdout)

    def test_07_completions_are_what_the_program_says(self):
        places = {"bash": "bash-completion/completions/quorate", "zsh": "zsh/vendor-completions/_quorate",
                  "fish": "fish/vendor_completions.d/quorate.fish"}
        for shell, place in places.items():
            text = self.root.at(f"/usr/share/{place}").read_text()
            self.assertEqual(text, run(BUILD / "bin/quorate", "completion", shell))
            self.assertIn("run-now" if "run-now" in help_of("quorate") else "apply", text)

    def test_08_no_file_is_in_two_packages_and_none_is_world_writable(self):
        owners = {}
        for name, deb in self.root.debs.items():
            for line in run("dpkg-deb", "--contents", deb).splitlines():
                mode, owner, _size, _day, _time, path = line.split(maxsplit=5)
                self.assertEqual(owner, "root/root", line)
                self.assertNotEqual(mode[8], "w", line)
                if not path.endswith("/"):
                    self.assertNotIn(path, owners, f"also in {owners.get(path)}")
                    owners[path] = name

    def test_09_purging_leaves_nothing_behind(self):
        self.root.at("/var/lib/private/quorate-agent/spool").mkdir(parents=True)
        self.root.at("/etc/quorate/archiver.env").write_text("PGPASSWORD=x\n")
        self.root.dpkg("--purge", *PACKAGES)
        left = [path for folder in ("etc", "usr", "var/lib/private") for path in self.root.at(folder).rglob("*quorate*")]
        self.assertEqual(left, [])

    def test_10_without_packages_the_same_files_come_but_no_configuration_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in PACKAGES:
                run("cmake", "--install", BUILD, "--prefix", "/usr", "--component", name, env={**os.environ, "DESTDIR": folder})
            installed = {f"./{path.relative_to(folder)}" for path in Path(folder).rglob("*") if path.is_file()}
        packed = {line.split()[5] for deb in self.root.debs.values() for line in run("dpkg-deb", "--contents", deb).splitlines()}
        self.assertEqual({path for path in packed if not path.endswith("/")} - installed, {f"./etc/quorate/{daemon}.yaml" for daemon in DAEMONS})


def version_words(name):
    return ["version"] if name == "quorate" else ["--version"]


if __name__ == "__main__":
    unittest.main()
