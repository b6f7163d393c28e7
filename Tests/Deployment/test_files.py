"""What must agree between the deployment files, and no linter looks at."""

import re

import yaml
from topology import HAPROXY_CONFIGURATION, ROOT

COMPOSE = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text())["services"]
BASE = ROOT / "k8s" / "base"
REPLICAS = [name for name in COMPOSE if name.startswith("replica-")]


def base_settings():
    lines = (BASE / "tocsin.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def base_objects(name):
    return list(yaml.safe_load_all((BASE / name).read_text()))


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def test_compose_gives_haproxy_every_address_that_its_configuration_asks_for():
    wanted = set(re.findall(r"\$\{(\w+)\}", HAPROXY_CONFIGURATION.read_text()))
    environment = COMPOSE["haproxy"]["environment"]
    assert wanted == set(environment)
    addresses = [address for name, address in environment.items() if name.startswith("TOCSIN_REPLICA_")]
    assert addresses == [f"{name}:8000" for name in REPLICAS]


def test_compose_runs_three_replicas_of_their_own_names_against_the_one_redis():
    assert len(REPLICAS) == 3
    for name in REPLICAS:
        environment = COMPOSE[name]["environment"]
        assert environment["TOCSIN_REPLICA_NAME"] == name
        assert environment["TOCSIN_REDIS_URL"] == "redis://redis:6379/0"


def test_compose_publishes_nothing_beyond_loopback():
    published = [port for service in COMPOSE.values() for port in service.get("ports", [])]
    assert published and all(port.startswith("127.0.0.1:") for port in published)


def test_compose_hardens_every_service():
    for name, service in COMPOSE.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_a_replica_is_never_killed_while_it_drains():
    for name in REPLICAS:
        assert seconds(COMPOSE[name]["stop_grace_period"]) > int(COMPOSE[name]["environment"]["TOCSIN_DRAIN_SECONDS"])
    pod = base_objects("deployment.yaml")[0]["spec"]["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > pause + int(base_settings()["TOCSIN_DRAIN_SECONDS"])


def test_every_replica_bears_the_name_of_its_deployment():
    names = {COMPOSE[name]["environment"]["TOCSIN_DEPLOYMENT"] for name in REPLICAS}
    assert len(names) == 1 and all(names)
    assert base_settings()["TOCSIN_DEPLOYMENT"] not in names


def test_redis_keeps_what_it_acknowledged_in_both_deployments():
    command = COMPOSE["redis"]["command"]
    configuration = (BASE / "redis.conf").read_text().splitlines()
    for setting, value in (("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")):
        assert command[command.index(f"--{setting}") + 1] == value
        assert f"{setting} {value}" in configuration
