"""The proxies whose configurations are shipped, each started with the very file, but for addresses and idle times.

A proxy is a context manager; inside it the process runs. What differs between them is told by attributes:
`keeps_on_reload`, whether open WebSockets outlive a reload; `answers_streams`, whether an event stream that no replica
can serve is answered 200 with the event `unavailable`; `has_idle_time`, whether a silent WebSocket is cut."""

import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from topology import ROOT, Child, executable, free_ports

FILES = ROOT / "compose" / "proxies"
# What the shipped files say in seconds, and the tests shorten.
SHIPPED_IDLE = 60
IS_ROOT = os.geteuid() == 0


class Proxy:
    name = ""
    source = ""
    keeps_on_reload = True
    answers_streams = True
    has_idle_time = True

    def __init__(self, folder, replica_ports, idle_seconds=SHIPPED_IDLE):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir()
        self.replica_ports = replica_ports
        self.idle_seconds = idle_seconds
        self.port, self.admin_port = free_ports(2)
        self.children = []

    def __enter__(self):
        self.file = self.folder / pathlib.Path(self.source).name
        self.file.write_text(self.rendered())
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        for child in reversed(self.children):
            # Some wait for open connections; how they end is not what is tested.
            child.process.kill()
            child.process.wait()
            if kind is not None:
                print(f"--- {child.name}\n{child.tail()}")

    def rendered(self):
        """The shipped file with this test's ports and idle time."""
        text = (FILES / self.source).read_text()
        ports = {"8080": self.port} | dict(zip(("8001", "8002", "8003"), self.replica_ports))
        for shipped, port in ports.items():
            text, count = re.subn(rf"\b{shipped}\b", str(port), text)
            assert count > 0, f"{self.source} names no port {shipped}"
        text, count = re.subn(rf"\b{SHIPPED_IDLE}(s?)\b", rf"{self.idle_seconds}\1", text)
        assert count > 0 or not self.has_idle_time, f"{self.source} names no idle time of {SHIPPED_IDLE} s"
        return text

    def run(self, *arguments, environment=None):
        child = Child(f"{self.name}-{len(self.children)}", self.folder, arguments, environment)
        self.children.append(child)
        return child

    def start(self):
        raise NotImplementedError

    def reload(self):
        """Makes the running proxy read its configuration again; returns when it was told to."""
        self.children[-1].signal(signal.SIGHUP)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def expect_running(self):
        return self.children[-1].expect_running()


class HAProxy(Proxy):
    name = "haproxy"
    source = "../haproxy.cfg"

    def rendered(self):
        text, count = re.subn(rf"\b{SHIPPED_IDLE}s\b", f"{self.idle_seconds}s", (FILES / self.source).read_text())
        assert count > 0
        return text

    def start(self):
        self.run(executable("haproxy"), "-W", "-db", "-f", self.file, environment={
            "TOCSIN_BIND": f"127.0.0.1:{self.port}",
            "TOCSIN_STATS_BIND": f"127.0.0.1:{self.admin_port}",
            **{f"TOCSIN_REPLICA_{number}": f"127.0.0.1:{port}" for number, port in enumerate(self.replica_ports, 1)},
        })

    def reload(self):
        self.children[-1].signal(signal.SIGUSR2)


class Nginx(Proxy):
    name = "nginx"
    source = "nginx.conf"

    def start(self):
        main = self.folder / "main.conf"
        places = "".join(
            f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        main.write_text(
            f"{'user root;' if IS_ROOT else ''} daemon off; worker_processes 2; worker_shutdown_timeout 30s;"
            f"pid {self.folder}/pid; error_log stderr notice; events {{}}"
            f"http {{ access_log off; {places} include {self.file}; }}")
        self.run(executable("nginx"), "-c", main)


class Caddy(Proxy):
    name = "caddy"
    source = "Caddyfile"
    keeps_on_reload = False
    has_idle_time = False

    def rendered(self):
        return f"{{\n\tadmin 127.0.0.1:{self.admin_port}\n}}\n" + super().rendered()

    def start(self):
        self.environment = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder),
                            "XDG_CONFIG_HOME": str(self.folder)}
        self.run(executable("caddy"), "run", "--adapter", "caddyfile", "--config", self.file,
                 environment=self.environment)

    def reload(self):
        subprocess.run(
            [executable("caddy"), "reload", "--force", "--adapter", "caddyfile", "--config", self.file,
             "--address", f"127.0.0.1:{self.admin_port}"],
            env=os.environ | self.environment, check=True, capture_output=True, timeout=60)


class Apache(Proxy):
    name = "apache"
    source = "apache.conf"
    MODULES = ("mpm_event", "authz_core", "alias", "asis", "headers", "lbmethod_bybusyness", "proxy", "proxy_balancer",
               "proxy_hcheck", "proxy_http", "slotmem_shm")

    def __enter__(self):
        # Apache lets go of root's rights, and the folders of tests are their owner's alone.
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-apache-"))
        self.files.chmod(0o755)
        shutil.copyfile(FILES / "unavailable.asis", self.files / "unavailable.asis")
        return super().__enter__()

    def __exit__(self, kind, error, trace):
        super().__exit__(kind, error, trace)
        shutil.rmtree(self.files)

    def rendered(self):
        text, count = re.subn(r"/etc/apache2/tocsin", str(self.files), super().rendered())
        assert count > 0
        return text

    def start(self):
        main = self.folder / "main.conf"
        main.write_text("\n".join(
            [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in self.MODULES]
            + (["User www-data", "Group www-data"] if IS_ROOT else [])
            + [f'ServerRoot "{self.folder}"', f"DefaultRuntimeDir {self.files}", f"PidFile {self.folder}/pid",
               "Mutex posixsem", "ServerName localhost", "ErrorLog /dev/stderr", "GracefulShutdownTimeout 30",
               f"Include {self.file}", ""]))
        self.run(executable("apache2"), "-D", "FOREGROUND", "-f", main)

    def reload(self):
        self.children[-1].signal(signal.SIGUSR1)


class Envoy(Proxy):
    """A reload is a hot restart: a second process takes the listeners over, and the first one drains."""
    name = "envoy"
    source = "envoy.yaml"
    keeps_on_reload = False

    def start(self):
        binary = pathlib.Path(importlib.util.find_spec("envoy").origin).parent / "_bin" / "envoy"
        self.run(
            binary, "-c", self.file, "--base-id", self.admin_port, "--restart-epoch", len(self.children),
            "--drain-time-s", 2, "--parent-shutdown-time-s", 4, "--concurrency", 2, "--log-level", "warning")

    def reload(self):
        self.start()


class Lighttpd(Proxy):
    name = "lighttpd"
    source = "lighttpd.conf"
    keeps_on_reload = False
    answers_streams = False

    def start(self):
        self.run(executable("lighttpd"), "-D", "-f", self.file)

    def reload(self):
        self.children[-1].signal(signal.SIGUSR1)


class Varnish(Proxy):
    name = "varnish"
    source = "varnish.vcl"

    def start(self):
        self.work = self.folder / "work"
        self.run(
            executable("varnishd"), "-F", "-j", "none", "-n", self.work, "-a", f"127.0.0.1:{self.port}",
            "-f", self.file, "-p", f"pipe_timeout={self.idle_seconds}", "-s", "malloc,16m")

    def reload(self):
        for arguments in (("vcl.load", "again", self.file), ("vcl.use", "again")):
            subprocess.run([executable("varnishadm"), "-n", self.work, *map(str, arguments)],
                           check=True, capture_output=True, timeout=60)


class Nghttpx(Proxy):
    name = "nghttpx"
    source = "nghttpx.conf"
    answers_streams = False

    def start(self):
        self.run(executable("nghttpx"), f"--conf={self.file}", "--workers=2", f"--pid-file={self.folder}/pid",
                 "--errorlog-file=/dev/stderr", "--accesslog-file=/dev/null")


class Direct(Proxy):
    """None: clients talk to the first replica."""
    name = "direct"

    def __enter__(self):
        self.port = self.replica_ports[0]
        return self

    def expect_running(self):
        return True


ALL = (HAProxy, Nginx, Caddy, Apache, Envoy, Lighttpd, Varnish, Nghttpx)
