"""One replica that speaks TLS itself, looked at by clients and a scanner that are not ours."""

import json
import ssl
import subprocess
import sys
import urllib.request

import pytest
import websockets.sync.client
from topology import Child, executable, free_ports, wait_until

DAYS = 90


def openssl(*arguments):
    subprocess.run([executable("openssl"), *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """Certificates for this machine. Valid for a short time, as the profile asks for."""

    def __init__(self, folder):
        self.folder = folder
        self.certificate = folder / "authority.pem"
        openssl(
            "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", DAYS,
            "-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", folder / "authority.key", "-out", self.certificate)

    def issue(self, name, *algorithm):
        """Paths of a chain and its key."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-noenc", "-newkey", *algorithm, "-subj", "/CN=localhost", "-keyout", key, "-out", request)
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / "authority.key",
            "-CAcreateserial", "-days", DAYS, "-extfile", extensions, "-out", chain)
        chain.write_bytes(chain.read_bytes() + self.certificate.read_bytes())
        return chain, key


class SecureReplica:
    def __init__(self, folder, authority, algorithm):
        chain, key = authority.issue("replica", *algorithm)
        self.authority = authority
        self.port = free_ports(1)[0]
        self.child = Child("replica", folder, [
            executable("tocsin", "TOCSIN_BIN"), "serve", "--port", self.port, "--data-dir", folder / "data",
            "--tls-certificate", chain, "--tls-key", key])
        self.context = ssl.create_default_context(cafile=authority.certificate)
        wait_until(lambda: self.child.expect_running() and "is ready" in self.child.tail(), "the replica is ready")

    def get(self, path, body=None, context=None):
        request = urllib.request.Request(
            f"https://localhost:{self.port}{path}", data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60, context=context or self.context) as answer:
            return json.loads(answer.read())


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@pytest.fixture(params=[P256, ("rsa:2048",)], ids=["P-256", "RSA 2048"])
def replica(tmp_path, request):
    running = SecureReplica(tmp_path, Authority(tmp_path), request.param)
    yield running
    assert running.child.stop(), "does not end on SIGTERM"


def test_scanner_finds_mozillas_intermediate_profile(replica):
    scan = subprocess.run(
        [sys.executable, "-m", "sslyze", "--mozilla_config=intermediate", "--certinfo", "--certinfo_ca_file",
         replica.authority.certificate, f"localhost:{replica.port}"], capture_output=True, text=True, timeout=300)
    assert "OK - Compliant" in scan.stdout and scan.returncode == 0, scan.stdout + scan.stderr


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_client_of_the_feed_over_wss(replica, version, compression):
    replica.context.minimum_version = replica.context.maximum_version = version
    with websockets.sync.client.connect(
            f"wss://localhost:{replica.port}/ws", ssl=replica.context, compression=compression) as client:
        assert json.loads(client.recv(60))["type"] == "initial_batch"
        sent = replica.get("/api/threats/trigger", b'{"threat_type":"malware","title":"over TLS"}')
        received = json.loads(client.recv(60))
        assert received["type"] == "new_threat" and received["data"] == sent


def test_a_client_that_does_not_trust_the_authority_refuses(replica):
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        replica.get("/health", context=ssl.create_default_context())
    assert replica.get("/health")["status"] == "healthy"
