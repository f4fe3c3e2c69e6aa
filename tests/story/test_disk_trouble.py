"""A disk that fails, and one that takes its time: what the whole server makes of it.

Two planted bugs (tests/planted, 086 and 097) lie where only the whole server is put together, and no test saw them: the
exit status of a server that cannot trust its disk, and whose state the follower saves.
"""

import concurrent.futures
import contextlib
import pathlib
import subprocess
import time

import httpx
import pytest

from asking import metrics

HERE = pathlib.Path(__file__).resolve().parent
DISK_FAILED = 4  # the exit status that docs/OPERATIONS.md gives it
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WAIT_SECONDS = 30


@pytest.fixture
def trouble(tmp_path, monkeypatch):
    """The folder by which the disk is told what to do; every server that starts from here on stands on such a disk."""
    library, folder = tmp_path / "disk_trouble.so", tmp_path / "trouble"
    folder.mkdir()
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, HERE / "disk_trouble.c"],
                   check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("DISK_TROUBLE", str(folder))
    return folder


@contextlib.contextmanager
def held(folder):
    """The disk makes nothing durable, but what is released."""
    (folder / "hold").touch()
    try:
        yield
    finally:
        (folder / "hold").unlink()


def sequence_of(order):
    """Where in the log an order was granted: the lower 56 bits of its id's 13 digits."""
    value = 0
    for digit in order.removeprefix("o_"):
        value = value << 5 | DIGITS.index(digit)
    return value & (1 << 56) - 1


def eventually(look, what):
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.005)
    raise AssertionError(f"{what} did not come")


def in_the_core_alone(server, count):
    """Waits until so many records are in the core and not on the disk."""
    def waiting():
        now = metrics(server)
        return now["dibs_log_sequence"] - now["dibs_log_durable"] >= count
    eventually(waiting, f"record number {count} that waits for the disk")


def release(trouble):
    """Lets the one sync through that waits, and waits for the next one."""
    eventually((trouble / "waiting").exists, "a sync that waits")
    (trouble / "release").touch()
    eventually(lambda: not (trouble / "release").exists(), "the sync that was let through")
    eventually((trouble / "waiting").exists, "the sync behind it")


def snapshots(server):
    return sorted(int(path.stem) for path in (server.data / "snapshots").glob("*.snap"))


def test_a_failed_sync_ends_the_server_and_says_which_failure_it_was(trouble, make_server):
    server = make_server()
    drop = server.drop(stock=2)
    assert server.claim(drop, "ann", key="k1").status_code == 201
    (trouble / "fail").touch()
    with pytest.raises(httpx.TransportError):
        server.claim(drop, "bob", key="k2")  # no answer is left to give: whether it will be there is not known
    assert server.process.wait(WAIT_SECONDS) == DISK_FAILED
    assert "fdatasync" in server.wait_for("failed")["fault"]
    (trouble / "fail").unlink()
    server.restart()
    again = server.claim(drop, "ann", key="k1")
    assert again.status_code == 201 and again.headers["Idempotency-Replayed"] == "true"
    assert server.claim(drop, "bob", key="k2").status_code == 201  # the same one, or a first one
    server.stop()
    server.audit()


def test_a_snapshot_holds_nothing_that_is_not_durable(trouble, make_server):
    server = make_server("--snapshot-records", "1", "--snapshot-interval", "0s")
    drop = server.drop(stock=5)
    server.shop_key()
    with concurrent.futures.ThreadPoolExecutor(3) as crowd, held(trouble):
        first = crowd.submit(server.claim, drop, "first", "k")
        in_the_core_alone(server, 1)
        while not first.done():
            release(trouble)  # perhaps the seal of what was before; then its batch
            concurrent.futures.wait([first], timeout=5)
        ann = crowd.submit(server.claim, drop, "ann", "k")  # behind the seal of the first, which waits
        in_the_core_alone(server, 1)
        release(trouble)  # now it is ann's batch that waits,
        bob = crowd.submit(server.claim, drop, "bob", "k")
        in_the_core_alone(server, 2)  # and bob's claim is in the core alone
        release(trouble)
        durable = sequence_of(ann.result(WAIT_SECONDS).json()["id"])
        newest = eventually(lambda: [made for made in snapshots(server) if made >= durable], "a snapshot")[-1]
        assert newest == durable and not bob.done()
    assert sequence_of(bob.result().json()["id"]) > durable
    server.stop()
    server.audit()
