"""A real cluster of three Redis nodes, for the tests of one module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.redis.faults import redis_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.redis.faults import Cluster


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster; what a test leaves in it is there in the next, but for `cluster_url`."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as one:
        yield one


@pytest.fixture(params=["as a cluster", "by one of its nodes"])
def cluster_url(three_nodes: Cluster, request: pytest.FixtureRequest) -> str:
    """The URL of the empty cluster; the test runs once for each way to name it."""
    for node in three_nodes.nodes:
        node.change(lambda client: client.flushall())
    return three_nodes.url if request.param == "as a cluster" else three_nodes.nodes[0].url
