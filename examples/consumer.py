#!/usr/bin/env python3
"""A complete v1 consumer with nothing but the standard library.

It subscribes to the PTP state of a node, shows the state as of now, prints each event it is sent, and deletes its
subscriptions when it ends (Ctrl-C, SIGTERM, or after --events N).

    python3 examples/consumer.py --gateway http://localhost:8089 --node compute-1.example.com
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATHS = (
    "/sync/ptp-status/lock-state",
    "/sync/sync-status/os-clock-sync-state",
    "/sync/sync-status/sync-state",
)
# The gateway asks the endpoint back while it answers, and itself waits no longer than 1.5 s for that.
TIMEOUT_S = 5


class Gateway:
    """The REST API of a gateway, as far as a consumer needs it."""

    def __init__(self, url, token=None):
        self.base = url.rstrip("/") + "/api/ocloudNotifications/v1"
        self.token = token

    def request(self, method, path, body=None):
        """Sends a request; gives the status and the JSON of the answer, also of one that says no."""
        headers = {}
        data = None
        if body is not None:
            headers["content-type"] = "application/json"
            data = json.dumps(body).encode()
        if self.token:
            headers["authorization"] = "Bearer " + self.token
        asked = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                text = refused.read().decode(errors="replace")
                try:
                    return refused.code, json.loads(text)
                except ValueError:
                    return refused.code, {"error": f"no gateway answers at {self.base}: {text[:200]}"}

    def subscribe(self, resource, endpoint):
        """Subscribes as soon as the gateway is there; gives the subscription. The same again is the same one."""
        while True:
            try:
                status, answer = self.request("POST", "/subscriptions", {"resource": resource, "endpointUri": endpoint})
            except OSError as error:
                status, answer = 0, {"error": str(error)}
            if status == 201:
                return answer
            # 429 and 5xx pass; anything else is a mistake of ours.
            if 400 <= status < 500 and status != 429:
                raise SystemExit("not subscribed: " + answer["error"])
            say("waiting for the gateway: " + answer["error"])
            time.sleep(1)


class Events(BaseHTTPRequestHandler):
    """The endpoint. An empty POST is the gateway's question whether it is there."""

    protocol_version = "HTTP/1.1"
    # The newest sequence of each resource: a lower one is a repeat.
    newest = {}
    lock = threading.Lock()
    received = threading.Semaphore(0)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if body:
            self.take(json.loads(body))
        # 2xx means that the event is ours; the next one of its resource comes after that.
        self.send_response(204)
        self.end_headers()

    def take(self, event):
        resource = event["source"]
        sequence = int(self.headers["ptp-sequence"])
        is_initial = self.headers.get("ptp-initial") == "true"
        with self.lock:
            if sequence <= self.newest.get(resource, -1) and not is_initial:
                return
            self.newest[resource] = max(sequence, self.newest.get(resource, -1))
            say(f"event {event['time']} {resource} {in_short(event['data'])}{' (initial)' if is_initial else ''}")
        self.received.release()

    def log_message(self, *_):
        """The events themselves are what is to be seen."""


def in_short(data):
    """State words and numbers: `LOCKED -17`. Values have the old names, the new ones, or both: either reader works."""
    return " ".join(value["value"] for value in data["values"])


def say(text):
    print(text, flush=True)


def main():
    options = argparse.ArgumentParser(
        description="A v1 consumer of PTP events.",
        epilog="API_TOKEN in the environment is the bearer token it shows, if the gateway asks for one.",
    )
    options.add_argument("--gateway", default="http://localhost:8089", help="base URL of the gateway (default: %(default)s)")
    options.add_argument("--node", default="demo-node", help="node whose states are subscribed (default: %(default)s)")
    options.add_argument("--host", default="127.0.0.1", help="address at which the gateway reaches us (default: %(default)s)")
    options.add_argument("--port", type=int, default=0, help="port of the endpoint (default: a free one)")
    options.add_argument("--events", type=int, help="end after so many events")
    options = options.parse_args()

    if not options.gateway.startswith(("http://", "https://")):
        raise SystemExit(f"--gateway is a URL such as http://localhost:8089, got {options.gateway}")
    try:
        server = ThreadingHTTPServer((options.host, options.port), Events)
    except OSError as error:
        raise SystemExit(f"cannot listen on {options.host}, port {options.port}: {error.strerror}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://{options.host}:{server.server_port}/event"
    gateway = Gateway(options.gateway, os.environ.get("API_TOKEN"))

    # SIGTERM ends us as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    subscriptions = []
    try:
        for path in PATHS:
            resource = f"/cluster/node/{options.node}{path}"
            subscriptions.append(gateway.subscribe(resource, endpoint))
            say(f"subscribed {resource}")
            status, answer = gateway.request("GET", f"{resource}/CurrentState")
            say(f"now {resource} " + (in_short(answer["data"]) if status == 200 else f"({status}: {answer['error']})"))
        taken = 0
        while options.events is None or taken < options.events:
            Events.received.acquire()
            taken += 1
    except KeyboardInterrupt:
        pass
    finally:
        # Whoever is impatient must not keep us from unsubscribing.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for subscription in subscriptions:
            try:
                status, _ = gateway.request("DELETE", "/subscriptions/" + subscription["id"])
                say(f"deleted {subscription['resource']} ({status})")
            except OSError as error:
                say(f"not deleted {subscription['resource']}: {error}")
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main())
