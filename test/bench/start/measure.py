"""Starts Larder on a full and on an empty folder and measures: the first answer, the whole index, the memory."""
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

BINARY, FOLDER, OBJECTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
KEY = "http://origin.example/packages/%d/archive.tar.gz"


def rss(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024


def start(folder):
    began = time.monotonic()
    process = subprocess.Popen([BINARY, "--set", 'listen=["127.0.0.1:0"]', "--set", "admin.listen=127.0.0.1:0",
                                "--set", f"cache.disk.path={folder}", "--set", "cache.disk.size=1TiB", "--set", "log.access="],
                               stderr=subprocess.PIPE, text=True)
    ports = []
    for line in process.stderr:
        found = re.search(r"larder: (listening|admin) on .*:(\d+)$", line)
        if found:
            ports.append(int(found[2]))
        if "larder: ready" in line:
            break
    return process, ports[0], ports[1], began


def ask(port, url):
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(f"GET {url} HTTP/1.1\r\nHost: origin.example\r\nCache-Control: only-if-cached\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer


def gauge(admin, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics") as answer:
        found = re.search("^" + re.escape(name) + r" (\S+)$", answer.read().decode(), re.M)
    return float(found[1]) if found else 0


def stop(process):
    process.terminate()
    process.wait(30)


def main():
    with tempfile.TemporaryDirectory() as empty:
        process, port, admin, _ = start(empty)
        ask(port, "http://127.0.0.1:1/")
        gauge(admin, "larder_hit_ratio")
        base = rss(process.pid)
        stop(process)
    process, port, admin, began = start(FOLDER)
    ask(port, "http://127.0.0.1:1/")
    first = time.monotonic() - began
    while gauge(admin, 'larder_cache_objects{tier="disk"}') < OBJECTS:
        if time.monotonic() - began > 60:
            sys.exit("not all objects came back")
        time.sleep(0.02)
    whole = time.monotonic() - began
    hits = sum(b"larder; hit" in ask(port, KEY % (OBJECTS * i // 100)) for i in range(100))
    used = rss(process.pid)
    stop(process)
    print(f"objects {OBJECTS}: first answer {first * 1000:.0f} ms after the start of the process, whole index {whole * 1000:.0f} ms, "
          f"{(used - base) / OBJECTS:.1f} bytes of process memory an object, {hits} of 100 asked were hits")
    if hits < 100:
        sys.exit(1)


main()
