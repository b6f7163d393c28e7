"""What real clients and proxies do with the feed (docs/interop.md)."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent
# Processes and waiting are those of the tests of the deployment.
sys.path.insert(0, str(HERE.parent / "Deployment"))

from processes import keep_logs  # noqa: E402
from programs import build  # noqa: E402


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    return build(tmp_path_factory.mktemp("programs"))


@pytest.fixture(autouse=True)
def kept_logs(request, tmp_path):
    yield
    keep_logs(tmp_path, request.node.name)


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(900))
