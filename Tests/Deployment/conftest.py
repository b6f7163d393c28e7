"""The topology of compose/compose.yaml as processes on loopback, started anew for each test."""

import pytest
from processes import keep_logs
from topology import Topology


@pytest.fixture(autouse=True)
def kept_logs(request, tmp_path):
    yield
    keep_logs(tmp_path, request.node.name)


@pytest.fixture
def topology(tmp_path):
    with Topology(tmp_path) as running:
        yield running


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(600))
