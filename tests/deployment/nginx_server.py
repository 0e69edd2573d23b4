"""nginx with the file that is deployed, on ports and paths of the test."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.deployment.deployed_files import text_of
from tests.stacks.child import Child
from tests.stacks.local_server import LoopbackServer
from tests.stacks.ports import LOOPBACK, free_port
from tests.stacks.process_registry import ProcessRegistry

_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class NginxServer(LoopbackServer):
    """The proxy in front of servers at these ports, with a certificate. `port` is that of TLS."""

    def __init__(
        self, process_registry: ProcessRegistry, program: str, servers: Sequence[int], tls: Path
    ) -> None:
        super().__init__(process_registry)
        self.plain_port = free_port()
        self.directory = process_registry.new_directory("nginx")
        self._program = program
        self._servers = servers
        self._tls = tls

    def logs(self) -> dict[str, str]:
        """Return everything that it has logged, by file."""
        return {path.name: path.read_text() for path in self.directory.glob("*.log")}

    def answers(self) -> bool:
        """Whether both ports are open."""
        for port in (self.port, self.plain_port):
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, port)):
                    return False
        return True

    def _spawn(self) -> Child:
        path = self.directory / "nginx.conf"
        path.write_text(self._configuration())
        return Child(
            self._process_registry,
            [self._program, "-e", "stderr", "-c", str(path), "-g", "daemon off;"],
            log=self.directory / "nginx.log",
            environment={"PATH": os.environ["PATH"]},
            directory=self.directory,
        )

    def _configuration(self) -> str:
        """Return the deployed file with the test's addresses. Nothing else is changed."""
        text = text_of("nginx.conf")
        changes = [(f"server-{n}:8000", f"{LOOPBACK}:{p}") for n, p in enumerate(self._servers, 1)]
        changes += [
            ("listen 80 ", f"listen {LOOPBACK}:{self.plain_port} "),
            ("listen 443 ", f"listen {LOOPBACK}:{self.port} "),
            ("/var/log/nginx/access.log", f"{self.directory}/access.log"),
            ("/var/log/nginx/error.log", f"{self.directory}/error.log"),
            ("/var/run/nginx.pid", f"{self.directory}/nginx.pid"),
            ("/etc/nginx/tls/fullchain.pem", str(self._tls)),
            ("/etc/nginx/tls/privkey.pem", str(self._tls)),
        ]
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        own = "".join(f"{name}_temp_path {self.directory}/{name};\n" for name in _PATHS)
        text = re.sub(r"^http \{\n", f"http {{\n{own}", text, count=1, flags=re.MULTILINE)
        # Otherwise the workers take a user that cannot read the test's directory.
        return f"user root;\n{text}" if os.geteuid() == 0 else text
