"""Makes the manual pages from what the programs say at --help, through help2man."""

import argparse
import gzip
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DAEMONS = {
    "quorate-coordinator": (
        "plans looks at MCP servers and answers operators",
        "Keeps the catalogue of endpoints in Postgres, puts their jobs into a queue of each region in Redis, and serves the admin API that "
        "quorate(1) calls. Several coordinators share the work."),
    "quorate-agent": (
        "looks at MCP servers from its region",
        "Takes its region's jobs from Redis, probes the endpoints as an MCP client does, and records there what it saw. Several agents of a "
        "region share its jobs."),
    "quorate-archiver": (
        "seals minutes, decides, and keeps incidents",
        "Takes what the agents of all regions saw out of Redis, decides minute by minute what is wrong with an endpoint, and keeps minutes, "
        "incidents and summaries in Postgres. Several archivers share the work. With --migrate it brings the schema there to its own version, "
        "and ends."),
}
# CLI11 writes `-f,--file TEXT ... REQUIRED what it is` with one space where help2man looks for two.
TIDY = r"s/^  (-[[:alnum:]]),--/  \1, --/; s/^(  [^ ].*) REQUIRED ([^ ])/\1 REQUIRED  \2/"


def help_of(program, words):
    done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True)
    return done.stdout


def below(text):
    """The names and texts of the sub-verbs that a help text lists."""
    section = re.search(r"^Subcommands:\n((?:  .*\n|\s*\n)*)", text, re.M)
    return re.findall(r"^  ([a-z][a-z-]*)\s+(\S.*)$", section[1], re.M) if section else []


def page(arguments, words, about, section, more, folder):
    """Has help2man make one page, of a script that says the help of one verb; `more` is what no help says."""
    name = "-".join(words)
    program = arguments.programs / words[0]
    script = folder / name
    command = shlex.join([str(program), *words[1:], "--help"])
    script.write_text(f"#!/bin/sh\n{command} | sed -E {shlex.quote(TIDY)}\n")
    script.chmod(0o755)
    added = folder / "added.h2m"
    added.write_text(more.replace("PROGRAM", name))
    manual = "Quorate"
    made = subprocess.run(
        [arguments.help2man, "--no-info", f"--version-string={arguments.version}", f"--section={section}",
         f"--name={about}", f"--manual={manual}", f"--source={manual} {arguments.version}", f"--include={added}",
         str(script)],
        capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    target = arguments.output / f"man{section}" / f"{name}.{section}.gz"
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, mtime=0, fileobj=target.open("wb")) as out:
        out.write(made.stdout)


def verbs(arguments, words, about, folder):
    page(arguments, words, about, 1, (HERE / "quorate.h2m").read_text(), folder)
    text = help_of(arguments.programs / words[0], words[1:])
    for verb, verb_about in below(text):
        verbs(arguments, [*words, verb], verb_about[0].lower() + verb_about[1:].rstrip("."), folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--help2man", default="help2man")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    for section in (1, 8):
        (arguments.output / f"man{section}").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        verbs(arguments, ["quorate"], "ask and order a Quorate coordinator, or probe an MCP server", folder)
        for name, (about, description) in DAEMONS.items():
            page(arguments, [name], about, 8, f"[description]\n{description}\n\n" + (HERE / "daemon.h2m").read_text(), folder)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr}")
