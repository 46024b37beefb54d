#!/usr/bin/env python3
"""Events per CPU second and peak memory of `xray up` with eight events in flight, and the CPU time
of a start until the first event is done, as two tables.

    bench/busy.py [--folder DIR] [--xray FILE] [--events N] [--starts N]

The store is that of events.py. Compiled code is in the cache, as it is after a first start.
`make bench-busy` prepares what this needs.
"""

import argparse
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from events import HERE, KINDS, Host, Piped, backends, cpu

IN_FLIGHT = 8


def peak(pid: int) -> float:
    """Returns the peak of a process's memory in MB."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--xray", default=os.path.join(HERE, "target/release/xray"))
    parser.add_argument("--events", type=int, default=96)
    parser.add_argument("--starts", type=int, default=5)
    args = parser.parse_args()
    names = [name for name in sorted(os.listdir(args.folder)) if name.endswith((".jpeg", ".png"))]
    store = Piped([sys.executable, os.path.join(HERE, "bench/store.py"), args.folder], str)
    with tempfile.TemporaryDirectory() as state:
        hosts = []

        def host(nn: str, kind: str) -> Host:
            hosts.append(Host(HERE, args.xray, store.greeting, state, nn, **KINDS[kind]))
            return hosts[-1]

        try:
            first = host("embedded", "no copy")
            first.process.kill()
            print("| 8 in flight | events per CPU second | peak MB |\n|---|---|---|")
            for nn in backends():
                for kind in KINDS:
                    busy = host(nn, kind)
                    before = cpu(busy.process.pid)
                    with ThreadPoolExecutor(IN_FLIGHT) as pool:
                        keys = [names[i % len(names)] for i in range(args.events)]
                        list(pool.map(busy.event, keys))
                    rate = args.events / (cpu(busy.process.pid) - before) * 1e3
                    print(f"| {kind}, {nn} | {rate:.1f} | {peak(busy.process.pid):.0f} |")
                    busy.process.kill()
            print("\n| start, CPU ms | until it serves | until the first 200 |\n|---|---|---|")
            for nn in backends():
                served, done = [], []
                for _ in range(args.starts):
                    started = host(nn, "no copy")
                    served.append(cpu(started.process.pid))
                    started.event(names[0])
                    done.append(cpu(started.process.pid))
                    started.process.kill()
                print(f"| {nn} | {statistics.median(served):.1f} | {statistics.median(done):.1f} |")
        finally:
            for peer in [store, *hosts]:
                peer.process.kill()


if __name__ == "__main__":
    main()
