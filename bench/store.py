#!/usr/bin/env python3
"""A stand-in for an S3 store, for measurements: it serves the pictures of a folder as the objects
of one bucket, takes every PUT without keeping it, and checks neither signatures nor conditions.

    bench/store.py DIR

It prints its address. Runs as a process of its own, so that its time counts for nobody.
"""

import hashlib
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

MISSING = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'


def served(folder: str) -> type:
    pictures = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        pictures[name] = (data, hashlib.md5(data).hexdigest())

    class Store(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self, status: int, body: bytes, etag: str = "") -> None:
            self.send_response(status)
            if etag:
                self.send_header("ETag", f'"{etag}"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            bucket, _, key = unquote(self.path.split("?")[0]).lstrip("/").partition("/")
            found = pictures.get(key.split("/")[-1]) if bucket == "xray-data-in" else None
            if found:
                self.respond(200, *found)
            else:
                self.respond(404, MISSING)

        do_HEAD = do_GET

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self.respond(200, b"", hashlib.md5(data).hexdigest())

        def log_message(self, *_) -> None:
            pass

    return Store


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), served(sys.argv[1]))
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
