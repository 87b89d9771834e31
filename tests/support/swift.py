"""A real S3 server for tests: OpenStack Swift with its S3 API, on loopback, in a folder of its own.

Swift has dependencies that nothing else here has, so it lives in a virtual environment of its own, which
``make test`` makes from ``swift.lock``. Where it is missing the tests fail: a store that is not tested is one
that does not work.
"""

import getpass
import http.client
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store

from artstore.engine.blobs.s3_options import S3Options
from artstore.launcher.ports import Ports
from artstore.launcher.process import Process, end, start_bound
from tests.support import processes

_PROGRAMS = Path(__file__).parents[2] / ".venv-swift" / "bin"
_HOST = "127.0.0.1"
_STORAGE = ("account", "container", "object")
_READY_SECONDS = 60.0
_MINUTE = timedelta(minutes=1)

ACCESS_KEY_ID, SECRET_ACCESS_KEY = "test:tester", "the-secret-of-tester"
"""May do everything."""
STRANGER_KEY_ID, STRANGER_SECRET = "test:stranger", "the-secret-of-stranger"
"""Known to the server, and allowed nothing."""
REGION = "us-east-1"
LIST_PAGE = 40
"""So many objects are listed in one answer; AWS gives 1000."""

_SWIFT = """\
[swift-hash]
swift_hash_path_prefix = a
swift_hash_path_suffix = b
[storage-policy:0]
name = one
default = yes
"""
_COMMON = """\
[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
log_address = /nonexistent
"""
# Swift gives its parts half a second to connect and three to answer. On a busy machine that is too little:
# the listing of a container would lack an object, and the proxy would leave the only server alone.
_PATIENCE = """\
conn_timeout = 60
node_timeout = 120
"""
_SERVER = f"""\
devices = {{folder}}/devices
mount_check = false
disable_fallocate = true
[pipeline:main]
pipeline = {{kind}}-server
[app:{{kind}}-server]
use = egg:swift#{{kind}}
{_PATIENCE}container_update_timeout = 120
"""
# The cache is memcached, and none runs: every look-up goes to the servers, which is what a test wants.
_PROXY = f"""\
[pipeline:main]
pipeline = catch_errors cache s3api tempauth copy slo dlo symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
{_PATIENCE}error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = {_HOST}:1
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCESS_KEY_ID.replace(":", "_")} = {SECRET_ACCESS_KEY} .admin
user_{STRANGER_KEY_ID.replace(":", "_")} = {STRANGER_SECRET}
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
check_bucket_owner = false
location = {REGION}
min_segment_size = 5242880
max_bucket_listing = {LIST_PAGE}
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:symlink]
use = egg:swift#symlink
"""

_MAKE_RINGS = """\
import sys
from swift.common.ring.builder import RingBuilder
folder, host, *servers = sys.argv[1:]
for server in servers:
    kind, port = server.split(":")
    builder = RingBuilder(4, 1, 0)
    device = {"id": 0, "region": 1, "zone": 1, "ip": host, "port": int(port), "device": "d1", "weight": 1}
    builder.add_dev({**device, "replication_ip": host, "replication_port": int(port), "meta": ""})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{kind}.ring.gz")
"""


class Swift:
    """Four servers, one disk. For one thread, whose end is theirs too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = Ports(folder / "ports.json", host=_HOST, defaults={})
        self._servers: dict[str, Process] = {}

    @property
    def endpoint(self) -> str:
        return f"http://{_HOST}:{self._ports['proxy']}"

    def start(self) -> None:
        """Returns when all servers take connections and a request is answered."""
        assert (_PROGRAMS / "swift-proxy-server").exists(), (
            "the S3 server of the tests is not installed; run `make test`, or `make .venv-swift/.installed`"
        )
        for kind in (*_STORAGE, "proxy"):
            self._ports.choose(kind)
        self._write_configuration()
        self._make_rings()
        for kind in _STORAGE:
            self._start(kind)
        self._start("proxy")
        for kind in self._servers:
            self._wait_for(kind)

    def stop(self) -> None:
        """Ends what was started, also after a failed start. May be called again."""
        for server in reversed(self._servers.values()):
            end(server, [(signal.SIGTERM, 5.0)])
        self._servers.clear()
        self._ports.close()

    def options(self, bucket: str, **options: Any) -> S3Options:
        """How an element reaches a bucket here."""
        account = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": SECRET_ACCESS_KEY}
        place = {"bucket": bucket, "endpoint": self.endpoint, "region": REGION, "path_style": True}
        return S3Options(**{**account, **place, **options})

    def make_bucket(self, name: str) -> str:
        """Returns the name."""
        store = S3Store(
            name,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        # obstore makes no buckets; it signs what we send, and an empty path is the bucket.
        signed = urlsplit(obstore.sign(store, "PUT", "", _MINUTE))
        connection = http.client.HTTPConnection(_HOST, self._ports["proxy"], timeout=30)
        try:
            connection.request("PUT", f"{signed.path}?{signed.query}")
            answer = connection.getresponse()
            assert answer.status == http.client.OK, answer.read()
        finally:
            connection.close()
        return name

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens at the endpoint."""
        end(self._servers["proxy"], [(signal.SIGTERM, 5.0)])
        try:
            yield
        finally:
            self._start("proxy")
            self._wait_for("proxy")

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Connections are taken, and nothing is ever answered."""
        with processes.paused(self._servers["proxy"].pid):
            yield

    def _write_configuration(self) -> None:
        (self._folder / "devices" / "d1").mkdir(parents=True)
        (self._folder / "swift.conf").write_text(_SWIFT)
        for kind, server in {**dict.fromkeys(_STORAGE, _SERVER), "proxy": _PROXY}.items():
            text = (_COMMON + server).format(
                kind=kind, host=_HOST, port=self._ports[kind], user=getpass.getuser(), folder=self._folder
            )
            (self._folder / f"{kind}.conf").write_text(text)

    def _make_rings(self) -> None:
        """In one process: swift-ring-builder takes nine, which is what most of the start would be spent on."""
        ports = [f"{kind}:{self._ports[kind]}" for kind in _STORAGE]
        python = str(_PROGRAMS / "python")
        command = [python, "-W", "ignore", "-c", _MAKE_RINGS, str(self._folder), _HOST, *ports]
        subprocess.run(command, check=True)

    def _start(self, kind: str) -> None:
        self._servers[kind] = start_bound(
            f"swift {kind}",
            [str(_PROGRAMS / f"swift-{kind}-server"), str(self._folder / f"{kind}.conf")],
            log=self._folder / f"{kind}.log",
            end_with=signal.SIGKILL,
        )

    def _wait_for(self, kind: str) -> None:
        address = (_HOST, self._ports[kind])

        def listens() -> bool:
            try:
                socket.create_connection(address, timeout=1.0).close()
            except OSError:
                return False
            return True

        self._servers[kind].wait_until(listens, seconds=_READY_SECONDS)
