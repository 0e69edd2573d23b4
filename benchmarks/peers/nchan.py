"""nginx with nchan: pub/sub in C, messages posted over HTTP, no Redis."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

import orjson

from benchmarks.client_protocols import ClientProtocol
from benchmarks.content import event
from benchmarks.peers.peer import Missing, SocketPeer
from benchmarks.publishing import HTTPPublisher, Publisher
from tests.stacks.ports import LOOPBACK

ROOT_VARIABLE = "BENCHMARK_NGINX_ROOT"
MODULE = Path("usr/lib/nginx/modules/ngx_nchan_module.so")
CONFIGURATION = """\
load_module {module};
daemon off;
worker_processes 1;
error_log stderr warn;
pid {directory}/nginx.pid;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 100000000;
    server {{
        listen {host}:{port} backlog=2048;
        location ~ /subscribe/(\\d+)$ {{
            nchan_subscriber websocket;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
        }}
        location ~ /publish/(\\d+)$ {{
            nchan_publisher http;
            nchan_channel_id $1;
            nchan_message_buffer_length 100;
            nchan_message_timeout 60s;
        }}
    }}
}}
"""


@lru_cache(maxsize=1)
def nginx() -> tuple[str, Path]:
    """Return nginx and its module, from the system or from where its Debian packages were unpacked to."""
    root = os.environ.get(ROOT_VARIABLE, "/")
    program = shutil.which("nginx", path=f"{root}/usr/sbin{os.pathsep}{os.environ['PATH']}")
    module = Path(root) / MODULE
    if program is None or not module.exists():
        raise Missing(
            "nchan needs the Debian packages nginx and libnginx-mod-nchan, installed or unpacked "
            f"into {ROOT_VARIABLE}."
        )
    return program, module


class Nchan(SocketPeer):
    """The floor: nothing but framing and writing."""

    name = "nchan"
    title = "nginx + nchan (C)"

    async def start(self) -> None:
        """Start nginx with one worker."""
        program, module = nginx()
        directory = self.testbed.process_registry.new_directory("nchan")
        # Its worker is another user where it was started by root.
        directory.chmod(0o755)
        configuration = directory / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(module=module, directory=directory, host=LOOPBACK, port=self.port)
        )
        command = [program, "-c", str(configuration), "-p", str(directory)]
        self.wait_for(
            self.testbed.serve(self.name, command, {"PATH": os.environ["PATH"]}, directory)
        )

    def client_protocol(self, stream: int) -> ClientProtocol:
        """Subscribe to one user's channel."""
        return ClientProtocol(f"/subscribe/{stream}")

    async def publisher(self, *, prerecord: int) -> Publisher:
        """Post over connections that stay open."""
        return await HTTPPublisher.connect(self.address, self._encode)

    def _encode(self, stream: int, sequence: int) -> bytes:
        body = orjson.dumps(event(sequence))
        head = f"POST /publish/{stream} HTTP/1.1\r\nHost: {LOOPBACK}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
