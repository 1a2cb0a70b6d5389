#!/usr/bin/env python3
"""Those who hold no key, at a steady rate: connections that say nothing, random bytes, TLS with another cluster's key.

usage: intruders.py HOST CONTROL_PORT PLANE_PORT FOREIGN_KEYS RATE SECONDS
       intruders.py decoy HOST CONTROL_PORT PLANE_PORT: what they can be aimed at instead of a cluster, to learn what they
       cost by being there: closes what says something, holds what does not

RATE new connections a second: of every five, two say nothing and stay until they are cut off (one at each port), two send
random bytes (one at each port), one shakes hands over TLS. Says in JSON what it did, and what it cost itself.
"""
import asyncio
import json
import os
import random
import resource
import ssl
import sys
import time


class Intruders:
    def __init__(self, host, control, plane, keys):
        self.host, self.control, self.plane = host, control, plane
        self.random = random.Random(1)
        self.counts = {"silent": 0, "random": 0, "foreign": 0, "failed": 0}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE  # so that it is the other side that says no
        self.context.load_cert_chain(os.path.join(keys, "head.pem"), os.path.join(keys, "head.key"))
        self.tasks = set()

    async def silent(self, port):
        reader, writer = await asyncio.open_connection(self.host, port)
        self.counts["silent"] += 1
        try:
            while await reader.read(1 << 16):
                pass
        finally:
            writer.close()

    async def noise(self, port):
        reader, writer = await asyncio.open_connection(self.host, port)
        self.counts["random"] += 1
        try:
            writer.write(self.random.randbytes(self.random.randrange(1, 4000)))
            await reader.read(1 << 16)
        finally:
            writer.close()

    async def foreign(self):
        self.counts["foreign"] += 1
        reader, writer = await asyncio.open_connection(self.host, self.control, ssl=self.context, server_hostname="head")
        try:
            await reader.read(1 << 16)
        finally:
            writer.close()

    async def one(self, kind):
        try:
            await kind
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            self.counts["failed"] += 1  # as a rule: cut off

    async def run(self, rate, seconds):
        kinds = [lambda: self.silent(self.control), lambda: self.noise(self.plane), self.foreign,
                 lambda: self.silent(self.plane), lambda: self.noise(self.control)]
        began, made = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            while made < now * rate:
                task = asyncio.ensure_future(self.one(kinds[made % len(kinds)]()))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
                made += 1
            await asyncio.sleep(0.02)
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def hold(reader, writer):
    try:
        await reader.read(1)
    except OSError:
        pass
    writer.close()


async def decoy(host, *ports):
    servers = [await asyncio.start_server(hold, host, int(port), backlog=1024) for port in ports]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main():
    if sys.argv[1] == "decoy":
        return asyncio.run(decoy(*sys.argv[2:]))
    host, control, plane, keys, rate, seconds = sys.argv[1:]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    intruders = Intruders(host, int(control), int(plane), keys)
    asyncio.new_event_loop().run_until_complete(intruders.run(float(rate), float(seconds)))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**intruders.counts, "cpu_seconds": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main()
