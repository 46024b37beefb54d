"""What elsewhere.py asks: `xray demo` with its store and function, and a Kafka broker for its dead letters where one can be had."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

BUCKET = "xray-data-in"
PATIENCE = 600
BROKER = Path(__file__).parent.parent / "tests" / "kafka"


class Broker:
    """The address of a real broker: the one in KAFKA, or that of the tests, or none. The demo's embedded one keeps no dead letters."""

    def __init__(self, folder: Path):
        self.address, self.why, self.process = os.environ.get("KAFKA"), "", None
        if self.address:
            return
        if not all(map(shutil.which, ("java", "mvn", "openssl"))):
            self.why = "not looked at: name a broker with KAFKA=, or install Java, Maven and openssl"
            return
        fetched = subprocess.run([BROKER / "fetch"], capture_output=True, text=True)
        if fetched.returncode:
            self.why = f"not looked at: {fetched.stderr.strip().splitlines()[-1:]}"
            return
        ports = _free_ports(4)
        self.address = f"127.0.0.1:{ports[0]}"
        command = [BROKER / "broker", folder.resolve(), *map(str, ports)]
        # It ends when its standard input does.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        if not _until(lambda: _answers(ports[0])):
            self.address, self.why = None, f"not looked at: the broker did not answer in {PATIENCE} s"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stdin.close()
            self.process.wait(60)


class Demo:
    """A store, the function and Kafka between them, until it is left."""

    def __init__(self, demo: list[str], work: Path, images: Path, kafka: str | None):
        self.out, self.errors, self.shown = work / "demo", work / "demo.log", work / "demo-table.txt"
        command = [*demo, "--images", str(images), "--out", str(self.out), "--keep", "--quiet", "--state-dir", str(work / "state"),
                   "--variable", "anonymize=all", "--variable", "pseudonym_key=elsewhere-0123456789abcdef0123456789"]
        command += ["--kafka", kafka] if kafka else []
        with self.shown.open("wb") as shown, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=shown, stderr=errors)
        _until(lambda: self.process.poll() is not None or "the function at" in self.shown.read_text())
        addresses = re.search(r"store goes on at (\S+), the function at (\S+) ", self.shown.read_text())
        if not addresses:
            self.process.kill()
            raise SystemExit(f"xray demo did not come up: {self.errors.read_text()[-500:]}")
        self.function = addresses[2]
        self.topic = re.search(r"topic (\S+) at (\S+)", self.errors.read_text())[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def post(self, body: bytes) -> str:
        """Status, headers and body of the function's answer."""
        request = urllib.request.Request(self.function, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return f"{answer.status}\n{answer.headers}\n{answer.read().decode()}"
        except urllib.error.HTTPError as error:
            return f"{error.code}\n{error.headers}\n{error.read().decode()}"


def notification(key: str, bucket: str = BUCKET) -> bytes:
    """As a gateway sends it."""
    record = {"eventVersion": "2.2", "eventSource": "ceph:s3", "eventName": "ObjectCreated:Put",
              "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1, "eTag": "", "sequencer": ""}}}
    return json.dumps({"Records": [record]}, ensure_ascii=False).encode()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _until(ready) -> bool:
    """Asks again until it is so; other processes give nothing to wait on but what they print and where they listen."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
