"""check.py CONTAINER ROOTFS: runs a buildah container of the image under uid 12345 and uses it. In a network namespace of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

import client  # noqa: E402
import wire  # noqa: E402
from origin import Origin  # noqa: E402

UID = 12345


def expect(what, so):
    print(f"{'ok  ' if so else 'FAIL'}  container: {what}", flush=True)
    if not so:
        sys.exit(1)


def descendants(pid):
    """The processes below `pid`."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def program_of(pid):
    """The larder process below the buildah process `pid`."""
    for child in descendants(pid):
        try:
            if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "larder":
                return child
        except OSError:
            continue
    return None


def everything(root):
    """Paths with size and time of change, to see whether the root file system was written to."""
    seen = {}
    for folder, _, files in os.walk(root):
        for name in files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            seen[path] = (info.st_size, info.st_mtime_ns)
    return seen


def settings(container):
    text = subprocess.run(["buildah", "inspect", "--type", "container", container], capture_output=True, check=True).stdout
    return json.loads(text)["Docker"]["config"]


def main():
    container, root = sys.argv[1:3]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    config = settings(container)
    expect("does not run as root", config["User"].split(":")[0] not in ("", "0", "root"))
    expect("names its ports", set(config["ExposedPorts"]) == {"3128/tcp", "3129/tcp"})
    expect("has a health check", "health" in config["Healthcheck"]["Test"])
    health = config["Healthcheck"]["Test"][1:]
    command = ["buildah", "run", "--isolation", "chroot", "--user", f"{UID}:{UID}", container, "--", *config["Entrypoint"], *(config["Cmd"] or [])]
    before = everything(root)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    errors = []
    ready = threading.Event()

    def watch():
        for line in process.stderr:
            errors.append(line.decode("utf-8", "replace"))
            if "larder: ready" in errors[-1]:
                ready.set()

    threading.Thread(target=watch, daemon=True).start()
    try:
        if not ready.wait(30):
            print("".join(errors))
        expect("starts", ready.is_set())
        pid = program_of(process.pid)
        expect("is there", pid is not None)
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            uids = next(line for line in status if line.startswith("Uid:")).split()[1:]
        expect(f"runs under uid {UID}", set(uids) == {str(UID)})
        answer = client.ask(3129, "GET", "/healthz", {"Host": "x"})
        expect("answers /healthz", answer.status == 200)
        said = subprocess.run(["buildah", "run", "--isolation", "chroot", "--user", f"{UID}:{UID}", container, "--", *health],
                              capture_output=True, check=False)
        expect("is healthy by its own word", said.returncode == 0)
        origin = Origin.script(wire.response_bytes(200, {"Cache-Control": "max-age=600"}, b"through the container"))
        for turn, word in (("from the origin", "uri-miss"), ("from the cache", "hit")):
            answer = client.ask(3128, "GET", origin.url("/"))
            expect(f"proxies {turn}", answer.body == b"through the container" and word in answer["Cache-Status"])
        answer = client.ask(3128, "GET", origin.url("/"), host="::1")
        expect("listens on IPv6 too", answer.status == 200)
        expect("does not ask twice", not origin.problems and len(origin.requests) == 1)
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
        expect("stops at once", time.monotonic() - began < 5)
        expect("ends well", process.returncode == 0)
        # Each worker hands its lines over by itself: their order is that of ts.
        lines = sorted((json.loads(line) for line in out.decode().splitlines()), key=lambda line: line["ts"])
        expect("logs each request to stdout", [line["result"] for line in lines] == ["miss", "hit", "hit"])
        expect("wrote nothing", everything(root) == before)
    finally:
        if process.poll() is None:
            pid = program_of(process.pid)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
