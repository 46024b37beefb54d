#!/usr/bin/env python3
"""Times of the page on a real radosgw: the review with a long queue, and from an upload to its row.

    bench/page.py --xray target/release/xray [--copies 10000] [--uploads 40]
"""

import argparse
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUCKET = "bench"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for own in sockets:
        own.bind(("127.0.0.1", 0))
    ports = [own.getsockname()[1] for own in sockets]
    for own in sockets:
        own.close()
    return ports


class Gateway:
    """A complete Ceph in a folder, with the users of the tests."""

    def __init__(self, folder):
        ports = free_ports(3)
        self.folder = folder
        self.host = f"127.0.0.1:{ports[0]}"
        command = [ROOT / "tests/ceph/gateway", folder, *map(str, ports)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(self.process.stdout.readline().strip())

    def keys(self, user):
        keys = json.loads((self.folder / f"{user}.json").read_text())["keys"][0]
        return keys["access_key"], keys["secret_key"]

    def put(self, user, bucket, key, body):
        """Stores an object, signed with SigV4."""
        access, secret = self.keys(user)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        names = "host;x-amz-content-sha256;x-amz-date"
        request = (
            f"PUT\n/{bucket}/{key}\n\nhost:{self.host}\nx-amz-content-sha256:{digest}\n"
            f"x-amz-date:{stamp}\n\n{names}\n{digest}"
        )
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        mac = f"AWS4{secret}".encode()
        for part in [*scope.split("/"), text]:
            mac = hmac.new(mac, part.encode(), "sha256").digest()
        headers = {
            "x-amz-content-sha256": digest,
            "x-amz-date": stamp,
            "authorization": f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={names}, "
            f"Signature={mac.hex()}",
            "content-type": "image/jpeg",
        }
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request("PUT", f"/{bucket}/{key}", body, headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


class Page:
    """A host with a page, and somebody who has signed in."""

    def __init__(self, command, folder, env):
        self.process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        said = ""
        for line in self.process.stdout:
            said += line
            # `xray up` serves after its page does.
            if "Page at" in said and ("up" not in command or "Serving" in said):
                break
        entrance = re.search(r"Page at http://([^/]+)(/enter/\S+)", said)
        assert entrance, said
        self.host, path = entrance.groups()
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.cookie = ""
        response, _ = self.get(path)
        self.cookie = response.getheader("set-cookie").split(";")[0]

    def open(self, path):
        connection = http.client.HTTPConnection(self.host, timeout=300)
        connection.request("GET", path, headers={"accept": "text/html", "cookie": self.cookie})
        return connection.getresponse()

    def get(self, path):
        response = self.open(path)
        return response, response.read()

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def told(what, times, goal):
    times = sorted(times)
    half, most = times[len(times) // 2], times[int(len(times) * 0.95) - 1]
    longest = times[-1]
    print(
        f"PAGE {what:<16} median {half * 1e3:6.0f} ms  p95 {most * 1e3:6.0f} ms, goal {goal}  "
        f"longest {longest * 1e3:6.0f} ms"
    )


def queue(page, copies):
    begun = time.time()
    response, body = page.get("/review")
    took = time.time() - begun
    waiting = re.search(rb"([\d,]+) copies wait", body)
    waiting = int(waiting.group(1).replace(b",", b"")) if waiting else 0
    assert response.status == 200 and waiting >= copies, (response.status, waiting)
    print(f"PAGE first list of {waiting:,} copies: {took:.2f} s")
    times = []
    for _ in range(100):
        begun = time.time()
        page.get("/review")
        times.append(time.time() - begun)
        # Slower than a listing is used, so that some requests list again.
        time.sleep(0.1)
    told("queue", times, "300 ms")
    print(f"PAGE memory at most {page.memory():.0f} MiB, goal 100")


def uploads(gateway, page, pictures, count):
    rows = threading.Semaphore(0)

    def read():
        for line in page.open("/events?after=0"):
            if line.startswith(b"event: row"):
                rows.release()

    threading.Thread(target=read, daemon=True).start()
    times = []
    for number in range(count):
        picture = pictures[number % len(pictures)].read_bytes()
        begun = time.time()
        gateway.put("owner", BUCKET, f"bench_{number}.jpeg", picture)
        assert rows.acquire(timeout=120), "no row"
        times.append(time.time() - begun)
    told("upload to row", times[1:], "1,000 ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xray", type=pathlib.Path, required=True)
    parser.add_argument("--copies", type=int, default=10_000)
    parser.add_argument("--uploads", type=int, default=40)
    args = parser.parse_args()
    xray = str(args.xray.resolve())
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        (folder / "ceph").mkdir()
        gateway = Gateway(folder / "ceph")
        stack.callback(gateway.end)
        function, owner = gateway.keys("function"), gateway.keys("owner")
        endpoint = f"http://{gateway.host}"
        env = dict(
            os.environ,
            SPIN_VARIABLE_S3_ENDPOINT=endpoint,
            SPIN_VARIABLE_S3_ACCESS_KEY=function[0],
            SPIN_VARIABLE_S3_SECRET_KEY=function[1],
            SPIN_VARIABLE_PSEUDONYM_KEY="a key for a benchmark, long enough",
            AWS_ACCESS_KEY_ID=owner[0],
            AWS_SECRET_ACCESS_KEY=owner[1],
            AWS_ENDPOINT_URL=endpoint,
        )
        keys = f"AWS_ACCESS_KEY_ID={owner[0]}\nAWS_SECRET_ACCESS_KEY={owner[1]}\n"
        (folder / "keys").write_text(keys)
        (push,) = free_ports(1)

        def run(*arguments):
            done = subprocess.run([xray, *arguments], cwd=folder, env=env, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{arguments}: {done.stdout}{done.stderr}")

        run(
            "setup", "--push", f"http://127.0.0.1:{push}/", "--topic", "bench", "--bucket", BUCKET,
            "--page-credentials-file", "keys", "--from", str(ROOT),
        )
        run("make-images", "--quiet", "--count", "6", "--seed", "5", "-o", "pictures")
        pictures = sorted((folder / "pictures").glob("*.jpeg"))
        live = Page(
            [xray, "up", "--quiet", "--from", str(ROOT), "--state-dir", "state", "--listen",
             f"127.0.0.1:{push}", "--page", "127.0.0.1:0"],
            folder,
            env,
        )
        try:
            uploads(gateway, live, pictures, args.uploads)
        finally:
            live.end()

        (folder / "copies").mkdir()
        for number in range(args.copies):
            copy = folder / "copies" / f"bench_XXXXXXXX_{number:016x}_XXXX-XX-XX_2020-01-01.jpeg"
            copy.write_bytes(b"\xff\xd8\xff\xe0" + str(number).encode())
        run("send", "copies", "--bucket", f"{BUCKET}-quarantine")
        review = Page(
            [xray, "page", "--listen", "127.0.0.1:0", "--bucket", BUCKET, "--page-credentials-file", "keys",
             "--page-name", "bench"],
            folder,
            env,
        )
        try:
            queue(review, args.copies)
        finally:
            review.end()


if __name__ == "__main__":
    main()
