#!/usr/bin/python3
"""Does what systemd would, for the tests: verifies units, runs their ExecStart as their user with their files.

In a root without systemd this is the command systemctl. `enable` is the real one's, which works there. A timer runs its
service once.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

UNITS = Path("/etc/systemd/system")
PIDS = Path("/run/test-units")
DEBIAN = {
    ("postgresql", "start"): ["pg_ctlcluster", "15", "main", "start"],
    ("postgresql", "reload"): ["pg_ctlcluster", "15", "main", "reload"],
    ("nginx", "start"): ["nginx"],
    ("nginx", "reload"): ["nginx", "-s", "reload"],
    # It sets the clock.
    ("systemd-timesyncd", "start"): ["true"],
}


def main() -> None:
    options = [word for word in sys.argv[1:] if word.startswith("-")]
    verb, *names = [word for word in sys.argv[1:] if not word.startswith("-")]
    assert set(options) <= {"--now"}, options
    PIDS.mkdir(exist_ok=True)
    if verb == "daemon-reload":
        units = [unit for unit in UNITS.iterdir() if unit.is_file() and not unit.is_symlink()]
        command = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
        checked = subprocess.run(command, check=False, capture_output=True, text=True)
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    elif verb == "enable":
        subprocess.run(["/usr/bin/systemctl", "enable", "--quiet", *names], check=True)
        verb = "start" if "--now" in options else "none"
    for name in names:
        act(verb, name.removesuffix(".service"))


def act(verb: str, name: str) -> None:
    if (name, verb) in DEBIAN:
        subprocess.run(DEBIAN[name, verb], check=True)
    elif verb in {"start", "stop", "restart"}:
        if name.endswith(".timer"):
            assert (UNITS / name).exists(), name
            name = name.removesuffix(".timer")
        if verb != "start":
            stop(name)
        if verb != "stop":
            start(name)
    else:
        assert verb == "none", (verb, name)


def read_unit(name: str) -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in (UNITS / f"{name}.service").read_text().splitlines():
        if matched := re.fullmatch(r"([A-Za-z]+)=(.*)", line):
            found[matched[1]].append(matched[2])
    return found


def pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def start(name: str) -> None:
    unit = read_unit(name)
    user = pwd.getpwnam(unit["User"][0])
    credentials = Path("/run/credentials", f"{name}.service")
    environ = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "USER": user.pw_name,
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    shutil.rmtree(credentials, ignore_errors=True)
    make_directory(credentials, "0500", user)
    for line in unit["LoadCredential"]:
        credential, _, source = line.partition(":")
        shutil.copyfile(source, credentials / credential)
        (credentials / credential).chmod(0o400)
        os.chown(credentials / credential, user.pw_uid, user.pw_gid)
    for kind, parent in (("State", "/var/lib"), ("Runtime", "/run")):
        for directory in unit[f"{kind}Directory"]:
            make_directory(Path(parent, directory), (unit[f"{kind}DirectoryMode"] or ["0755"])[0], user)
            environ[f"{kind.upper()}_DIRECTORY"] = str(Path(parent, directory))
    for file in unit["EnvironmentFile"]:
        environ.update(pair(word) for word in shlex.split(Path(file).read_text(), comments=True))
    environ.update(pair(line.replace("%d", str(credentials))) for line in unit["Environment"])
    for line in unit["ExecStart"]:
        run(name, unit, shlex.split(line.replace("%%", "%").replace("$$", "$")), user, environ)


def run(
    name: str, unit: dict[str, list[str]], command: list[str], user: pwd.struct_passwd, environ: dict[str, str]
) -> None:
    as_user: Any = {
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [],
        "umask": int(unit["UMask"][0], 8),
        "cwd": (unit["WorkingDirectory"] or ["/"])[0],
    }
    kind = unit["Type"][0]
    if kind == "oneshot":
        subprocess.run(command, env=environ, check=True, stdin=subprocess.DEVNULL, **as_user)
        return
    assert kind in {"notify", "exec"}, kind
    address = f"\0daas-notify-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, Path(f"/var/log/{name}.log").open("ab") as log:
        notified.bind(address)
        notified.settimeout(60)
        environ = {**environ, "NOTIFY_SOCKET": f"@{address[1:]}"}
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **as_user
        )
        (PIDS / name).write_text(str(process.pid))
        while kind == "notify" and b"READY=1" not in notified.recv(4096):
            pass


def stop(name: str) -> None:
    pid = PIDS / name
    if not pid.exists():
        return
    number = int(pid.read_text())
    os.kill(number, signal.SIGTERM)
    deadline = time.monotonic() + 40
    # A process that has ended and whose parent has not noticed has no command line any more.
    while (about := Path(f"/proc/{number}/cmdline")).exists() and about.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)
    pid.unlink()


def make_directory(path: Path, mode: str, user: pwd.struct_passwd) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(int(mode, 8))
    os.chown(path, user.pw_uid, user.pw_gid)


main()
