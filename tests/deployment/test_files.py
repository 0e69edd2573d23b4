"""Each deployment file agrees with the product and with the others: settings, options, addresses, ports, times.

What runs nowhere here is compared so: no container, no cluster and no systemd is started.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from django.core.checks import Error
from django.urls import resolve

from live_inbox_site.checks import _unsafe
from live_inbox_site.environment import SiteSettings
from live_inbox_site.management.commands.serve import Command
from live_inbox_site.serving import PING_SECONDS, grace_seconds, server_config
from tests.deployment.deployed_files import DIRECTORY, assignments, kubernetes, objects_of, text_of
from tests.stacks.uvicorn_server import REPOSITORY

PORT = 8000
SPARE_SECONDS = 5
"""As docs/operating/stopping.md says: how long to wait before SIGKILL, beyond the server's own time."""

SETTINGS = {name.upper() for name in SiteSettings.model_fields}
OF_OTHERS = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
"""Variables of the image of PostgreSQL."""

GRACE = grace_seconds(SiteSettings(environment="test"))


def compose() -> dict[str, Any]:
    (found,) = objects_of("compose.yaml")
    return found


def containers() -> dict[str, dict[str, Any]]:
    return {
        kind: kubernetes()[kind]["spec"]["template"]["spec"]["containers"][0]
        for kind in ("Deployment", "Job")
    }


def unit(name: str) -> dict[str, list[str]]:
    """Return the values of each key of a unit of systemd."""
    found: dict[str, list[str]] = {}
    for line in text_of(f"systemd/{name}").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def instructions(name: str) -> list[str]:
    """Return what the instructions of this name in the Dockerfile say."""
    joined = re.sub(r"\\\n", " ", text_of("Dockerfile"))
    return re.findall(rf"^\s*{name} (.+)$", joined, re.MULTILINE)


def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text_of("Procfile").splitlines())


def commands() -> dict[str, list[str]]:
    """Return the arguments of each command of manage.py, by its file."""
    (entry,), (image,) = instructions("ENTRYPOINT"), instructions("CMD")[-1:]
    assert json.loads(entry) == ["python", "manage.py"]
    found = {
        "Dockerfile": json.loads(image),
        "compose.yaml": compose()["services"]["migrate"]["command"],
        "deployment.yaml": containers()["Deployment"]["args"],
        "migrate.yaml": containers()["Job"]["args"],
    }
    started = {f"Procfile {name}": line for name, line in procfile().items()}
    service = unit("live-inbox.service")
    started |= {"ExecStart": service["ExecStart"][0], "ExecStartPre": service["ExecStartPre"][0]}
    for name, line in started.items():
        python, script, *arguments = shlex.split(line.replace("$PORT", "8000"))
        assert python.endswith("python")
        assert script == "manage.py"
        found[name] = arguments
    return found


def test_there_is_no_file_that_is_not_looked_at() -> None:
    found = {
        str(path.relative_to(DIRECTORY)) for path in DIRECTORY.rglob("*") if path.is_file()
    } - {".env"}
    (kustomization,) = objects_of("kubernetes/kustomization.yaml")
    assert found == {
        *("Caddyfile", "Dockerfile", "Dockerfile.dockerignore", "Procfile", "compose.yaml"),
        *("environment.example", "nginx.conf"),
        *("systemd/live-inbox.service", "systemd/live-inbox.socket"),
        "kubernetes/kustomization.yaml",
        *(f"kubernetes/{name}" for name in kustomization["resources"]),
    }


@pytest.mark.parametrize("name", commands())
def test_every_command_is_one(name: str) -> None:
    command, *arguments = commands()[name]
    if command == "migrate":
        assert arguments == ["--noinput"]
    else:
        assert command == "serve"
        Command().create_parser("manage.py", "serve").parse_args(arguments)


def test_all_that_reads_the_settings_reads_them_as_the_product_does() -> None:
    """A shell cuts a value at `&`, systemd reads comments differently: a command would use another database."""
    pages = [*DIRECTORY.parents[1].rglob("*.md"), *DIRECTORY.rglob("*"), REPOSITORY / "README.md"]
    texts = {str(path): path.read_text() for path in pages if path.is_file()}
    assert len(texts) > 50
    sourced = re.compile(
        r"set -a\b|(?:^|[;&|]\s*)(?:\.|source) \S*(?:env|etc/)|^EnvironmentFile|xargs.*\.env", re.M
    )
    assert not [name for name, text in texts.items() if sourced.search(text)]
    service = unit("live-inbox.service")
    assert service["WorkingDirectory"] == ["/opt/live-inbox"]
    page = (DIRECTORY.parent / "deploying.md").read_text()
    assert "environment.example .env " in page
    assert f"--group {service['User'][0]} " in page


def test_every_variable_is_a_setting() -> None:
    (kustomization,) = objects_of("kubernetes/kustomization.yaml")
    (generator,) = kustomization["configMapGenerator"]
    secrets = re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text_of("kubernetes/deployment.yaml"))
    given = {
        "environment.example": set(assignments(text_of("environment.example"))),
        "compose.yaml": set().union(
            *(service.get("environment", {}) for service in compose()["services"].values())
        )
        - OF_OTHERS,
        "what compose.yaml takes": set(re.findall(r"\$\{(\w+)", text_of("compose.yaml")))
        - OF_OTHERS,
        "ConfigMap": {literal.split("=")[0] for literal in generator["literals"]},
        "Secret": set(secrets) - {"ALL"},
    }
    assert not set().union(*given.values()) - SETTINGS
    assert all(given.values())


def test_the_settings_are_safe_once_they_are_filled_in() -> None:
    given = assignments(text_of("environment.example"))
    empty = {name: f"{name}-" + 60 * "x" for name, value in given.items() if not value}
    assert set(empty) == {"SECRET_KEY", "JWT_SECRET", "METRICS_TOKEN"}
    settings = SiteSettings.model_validate(
        {name.lower(): value for name, value in {**given, **empty}.items()}
    )
    assert settings.is_production
    assert [found for found in _unsafe(settings) if isinstance(found, Error)] == []
    # Nothing that is a secret has a value.
    (kustomization,) = objects_of("kubernetes/kustomization.yaml")
    literals = kustomization["configMapGenerator"][0]["literals"]
    assert not [each for each in literals if re.search("SECRET|TOKEN|PASSWORD|_URL", each)]


def test_a_service_that_ends_at_once_is_given_up() -> None:
    """Settings that are refused are not tried for ever; what the server waits for by itself is no end of it."""
    text = text_of("systemd/live-inbox.service")
    (of_unit,) = re.findall(r"\[Unit\]\n(.*?)\n\[Service\]", text, re.S)
    service = unit("live-inbox.service")
    assert service["StartLimitIntervalSec"] == ["2min"]
    assert "StartLimitIntervalSec" in of_unit
    # An attempt takes the pause, two starts of Python, and no more than some seconds on a small machine.
    attempts = int(service["StartLimitBurst"][0])
    assert attempts * (int(service["RestartSec"][0]) + 8) <= 120
    assert service["ExecStartPre"][0].startswith("-")


def test_compose_commands_of_the_pages_have_the_file_and_services_that_there_are() -> None:
    pages = {path.name: path.read_text() for path in DIRECTORY.parent.glob("*.md")}
    commands = [
        (name, line.strip())
        for name, text in pages.items()
        for line in re.findall(r"docker compose [^`\n]*", text)
        if not line.endswith("compose ")
    ]
    assert len(commands) > 8
    (set_first,) = re.findall(r"^export COMPOSE_FILE=(\S+)$", pages["deploying.md"], re.M)
    assert REPOSITORY / set_first == DIRECTORY / "compose.yaml"
    for name, line in commands:
        assert "COMPOSE_FILE" in pages[name]
        assert "--file" not in line
    # One server after the other, and nginx learns the address of each before the next one goes.
    (steps,) = re.findall(r"### Docker\n.*?```\n(.*?)```", pages["upgrading.md"], re.S)
    assert [line for line in steps.splitlines() if "compose" in line] == [
        "docker compose build",
        "docker compose run --rm migrate",
        *(
            line
            for service in sorted(compose()["services"])
            if service.startswith("server-")
            for line in (
                f"docker compose up --detach --no-deps --wait {service}",
                "docker compose exec proxy nginx -s reload",
            )
        ),
    ]


def test_probes_ask_what_the_site_answers() -> None:
    server = containers()["Deployment"]
    probes = {kind: server[kind]["httpGet"] for kind in server if kind.endswith("Probe")}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    (health,) = instructions("HEALTHCHECK")
    (uri,) = re.findall(r"health_uri (\S+)", text_of("Caddyfile"))
    asked = {probe["path"] for probe in probes.values()} | {uri}
    asked |= set(re.findall(rf":{PORT}(/\w+)", health))
    for path in asked:
        assert resolve(path).func.__module__ == "live_inbox.health"
    # /readyz answers within 2 seconds.
    assert server["readinessProbe"]["timeoutSeconds"] > 2


def test_ports_agree() -> None:
    server = containers()["Deployment"]
    (port,) = server["ports"]
    assert port == {"name": "http", "containerPort": PORT}
    assert {server[kind]["httpGet"]["port"] for kind in server if kind.endswith("Probe")} == {
        "http"
    }
    objects = kubernetes()
    (published,) = objects["Service"]["spec"]["ports"]
    assert published["targetPort"] == "http"
    (rule,) = objects["NetworkPolicy"]["spec"]["ingress"]
    assert rule["ports"] == [{"port": PORT}]
    assert instructions("EXPOSE") == [str(PORT)]
    for name in ("Dockerfile", "deployment.yaml"):
        options = Command().create_parser("manage.py", "serve").parse_args(commands()[name][1:])
        assert (options.host, options.port) == ("0.0.0.0", PORT)
    upstreams = {f"{name}:{PORT}" for name in compose()["services"] if name.startswith("server-")}
    assert set(re.findall(r"^\s+server (\S+:\d+)", text_of("nginx.conf"), re.M)) == upstreams
    assert set(re.findall(r"server-\d:\d+", text_of("Caddyfile"))) == upstreams
    # That of systemd is the first descriptor of the service.
    assert unit("live-inbox.socket")["ListenStream"] == [f"127.0.0.1:{PORT}"]
    assert commands()["ExecStart"][1:3] == ["--fd", "3"]


def test_whoever_stops_a_server_waits_for_its_drain() -> None:
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    (before,) = [
        int(seconds)
        for name, seconds in [pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]]
        if name == "sleep"
    ]
    assert pod["terminationGracePeriodSeconds"] >= before + GRACE + SPARE_SECONDS
    stop = compose()["services"]["server-1"]["stop_grace_period"]
    assert int(stop.removesuffix("s")) >= GRACE + SPARE_SECONDS
    service = unit("live-inbox.service")
    assert int(service["TimeoutStopSec"][0]) >= GRACE + SPARE_SECONDS
    assert service["KillMode"] == ["mixed"]


def test_proxies_wait_longer_than_pings_are_apart() -> None:
    (read,) = re.findall(r"proxy_read_timeout (\d+)s", text_of("nginx.conf"))
    (ingress,) = re.findall(r'proxy-read-timeout: "(\d+)"', text_of("kubernetes/service.yaml"))
    assert min(int(read), int(ingress)) > 3 * PING_SECONDS


def test_proxies_close_idle_connections_before_the_server_does() -> None:
    config = server_config(SiteSettings(environment="test"))
    (nginx,) = re.findall(r"keepalive 64;[^}]*keepalive_timeout (\d+)s", text_of("nginx.conf"))
    (caddy,) = re.findall(r"keepalive (\d+)s", text_of("Caddyfile"))
    assert max(int(nginx), int(caddy)) < config.timeout_keep_alive


def test_proxies_let_bodies_pass_that_the_server_judges() -> None:
    most = SiteSettings(environment="test").max_body_bytes
    (nginx,) = re.findall(r"client_max_body_size (\d+)m", text_of("nginx.conf"))
    (ingress,) = re.findall(r"proxy-body-size: (\d+)m", text_of("kubernetes/service.yaml"))
    (caddy,) = re.findall(r"max_size (\d+)MB", text_of("Caddyfile"))
    assert min(int(nginx) << 20, int(ingress) << 20, int(caddy) * 1_000_000) > most


def test_nothing_runs_as_root_or_writes_to_its_image() -> None:
    assert instructions("USER") == ["10001"]
    service = compose()["services"]
    for name in ("server-1", "server-2", "migrate"):
        assert service[name]["read_only"] is True
        assert service[name]["cap_drop"] == ["ALL"]
    for container in containers().values():
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
    assert unit("live-inbox.service")["ProtectSystem"] == ["strict"]


def test_images_have_names_and_no_addresses() -> None:
    images = [base.split()[0] for base in instructions("FROM")]
    images += [service["image"] for service in compose()["services"].values()]
    images += [container["image"] for container in containers().values()]
    assert images
    assert not [image for image in images if not re.fullmatch(r"[a-z-]+(:[0-9a-z.-]+)?", image)]


def test_selectors_find_what_they_select() -> None:
    objects = kubernetes()
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        selector = objects[kind]["spec"]["selector"]
        assert selector.get("matchLabels", selector).items() <= labels
    (expression,) = objects["NetworkPolicy"]["spec"]["podSelector"]["matchExpressions"]
    jobs = objects["Job"]["spec"]["template"]["metadata"]["labels"].items()
    for pods in (labels, jobs):
        assert {(expression["key"], value) for value in expression["values"]} & set(pods)
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (
        "Deployment",
        objects["Deployment"]["metadata"]["name"],
    )
