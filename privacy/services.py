"""Runs the services that elsewhere.py searches: `xray demo`, and a Kafka broker if available."""

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
TIMEOUT = 600
BROKER = Path(__file__).parent.parent / "tests" / "kafka"


class Broker:
    """A real broker: the one in KAFKA, else that of the tests, else none.

    The embedded broker of the demo keeps no dead letters.
    """

    def __init__(self, folder: Path):
        self.address, self.why, self.process = os.environ.get("KAFKA"), "", None
        if self.address:
            return
        if not all(map(shutil.which, ("java", "mvn", "openssl"))):
            self.why = "not searched: set KAFKA to a broker, or install Java, Maven and openssl"
            return
        fetched = subprocess.run([BROKER / "fetch"], capture_output=True, text=True)
        if fetched.returncode:
            self.why = f"not searched: {fetched.stderr.strip().splitlines()[-1:]}"
            return
        # Plain, controller, SASL, client certificates, access tokens.
        ports = _free_ports(5)
        self.address = f"127.0.0.1:{ports[0]}"
        command = [BROKER / "broker", folder.resolve(), *map(str, ports)]
        # It exits when its standard input is closed.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        _wait_until(lambda: _accepts(ports[0]) or self.process.poll() is not None)
        if not _accepts(ports[0]):
            ended = self.process.poll() is not None
            why = "ended" if ended else f"did not start within {TIMEOUT} s"
            self.address, self.why = None, f"not searched: the broker {why}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.stdin.close()
            self.process.wait(60)


class Demo:
    """`xray demo` with a store, the function and Kafka, running within the context."""

    def __init__(self, demo: list[str], work: Path, images: Path, kafka: str | None):
        self.out, self.errors, self.shown = (
            work / "demo",
            work / "demo.log",
            work / "demo-table.txt",
        )
        command = [
            *demo,
            "--images",
            str(images),
            "--out",
            str(self.out),
            "--keep",
            "--quiet",
            "--state-dir",
            str(work / "state"),
            "--variable",
            "anonymize=all",
            "--variable",
            "keep_folders=*",
            "--variable",
            "pseudonym_key=elsewhere-0123456789abcdef0123456789",
        ]
        command += ["--kafka", kafka] if kafka else []
        with self.shown.open("wb") as shown, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=shown, stderr=errors)
        address = re.compile(r"the function (?:\w+ )*at (http[^\s,;)]+)")
        _wait_until(
            lambda: self.process.poll() is not None or address.search(self.shown.read_text())
        )
        found = address.search(self.shown.read_text())
        if not found:
            self.process.kill()
            raise SystemExit(f"xray demo did not start: {self.errors.read_text()[-500:]}")
        self.function = found[1]
        self.topic = re.search(r"topic (\S+) (?:at|on) ", self.errors.read_text())[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def post(self, body: bytes) -> str:
        """Returns status, headers and body of the function's response."""
        request = urllib.request.Request(self.function, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return f"{response.status}\n{response.headers}\n{response.read().decode()}"
        except urllib.error.HTTPError as error:
            return f"{error.code}\n{error.headers}\n{error.read().decode()}"


def notification(key: str, bucket: str = BUCKET) -> bytes:
    """Returns a notification in the format of a gateway."""
    record = {
        "eventVersion": "2.2",
        "eventSource": "ceph:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 1, "eTag": "", "sequencer": ""},
        },
    }
    return json.dumps({"Records": [record]}, ensure_ascii=False).encode()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _wait_until(ready) -> bool:
    """Polls until `ready()` holds; other processes offer nothing better to wait for."""
    deadline = time.monotonic() + TIMEOUT
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
