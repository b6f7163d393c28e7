"""nginx before a replica, which it serves below a path."""

import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from processes import keep_logs, reserve_port

from replica import WAIT_SECONDS, required_executable, wait_until

CONFIGURATION = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    server {{
        listen 127.0.0.1:{port};
        location {path} {{
            proxy_pass http://127.0.0.1:{behind}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
        location / {{ return 404; }}
    }}
}}
"""


class Proxy:
    """Everything at `path` (with slashes at both ends) is the replica's on port `behind`; elsewhere is nothing."""

    def __init__(self, path, behind):
        self.directory = tempfile.mkdtemp(prefix="tocsin-proxy-")
        port = reserve_port()
        self.url = f"http://127.0.0.1:{port}{path}"
        configuration = os.path.join(self.directory, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(directory=self.directory, port=port, path=path, behind=behind))
        # Its error log has a compiled-in default that only root may write, which it tries before it reads its own.
        self.process = subprocess.Popen(
            [required_executable("NGINX", "nginx", "/usr/sbin/nginx"), "-c", configuration, "-e", "stderr"],
            stdin=subprocess.DEVNULL)
        wait_until(self.answers, "nginx answers")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"nginx ended with {self.process.returncode}")
        try:
            with urllib.request.urlopen(self.url + "health", timeout=20) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def remove(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT_SECONDS)
        keep_logs(self.directory, "proxy")
        shutil.rmtree(self.directory, ignore_errors=True)
