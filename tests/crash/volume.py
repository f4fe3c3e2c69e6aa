"""File systems that may be ruined: ext4 in a loop file, and tmpfs of a few megabytes; both in a mount namespace of the
tester's own, so that nothing of them is seen outside, nor left behind when it ends."""

import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
SHUTDOWN_FLAGS = {"synced": 0, "journal flushed": 1, "nothing flushed": 2}
FREEZE, THAW = 0xC0045877, 0xC0045878  # FIFREEZE, FITHAW
INSIDE = "FAULTS_NAMESPACE"


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")


def own_namespace():
    """Goes on in a mount namespace of its own; returns only there, or raises OSError where the system allows none."""
    if os.environ.get(INSIDE):
        return
    run("unshare", "--mount", "--propagation", "private", "true")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def ioctl(path, number, argument):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, number, argument)
    finally:
        os.close(fd)


class Tmpfs:
    """A small one, which a file of ballast fills to the last page."""

    def __init__(self, folder, size_mib):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "tmpfs", self.folder)
        self.ballast = self.folder / "ballast"

    def fill(self):
        fill(self.ballast)

    def relieve(self):
        self.ballast.unlink()

    def close(self):
        run("umount", self.folder)


def fill(path):
    """Takes all the room there is, in ever smaller pieces."""
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


class Ext4:
    """In a file on a tmpfs, which is larger than what the tmpfs has room for: its blocks are taken as they are written."""

    def __init__(self, folder, size_mib=96, room_mib=112):
        self.below = Tmpfs(folder, room_mib)
        self.image, self.mounted = self.below.folder / "image", self.below.folder / "mnt"
        self.mounted.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(size_mib << 20)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", self.image)
        self.mount()

    def mount(self):
        run("mount", "-o", "loop", self.image, self.mounted)

    def unmount(self):
        run("umount", self.mounted)

    def shut_down(self, flag):
        ioctl(self.mounted, SHUTDOWN, struct.pack("I", SHUTDOWN_FLAGS[flag]))

    def again(self):
        """As after a restart of the machine."""
        self.unmount()
        self.mount()

    def starve(self):
        """From here on, no block that is zero can be written any more, although the file system has given it away: a sync
        fails. The file system holds still meanwhile, so that what is zero stays so while its place is given back."""
        ioctl(self.mounted, FREEZE, 0)
        try:
            run("fallocate", "--dig-holes", self.image)
            self.below.fill()
        finally:
            ioctl(self.mounted, THAW, 0)

    def feed(self):
        """Room again below; what the file system noted of its errors is mended as a machine does when it starts."""
        self.unmount()
        self.below.relieve()
        done = subprocess.run(["e2fsck", "-fy", self.image], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        if done.returncode > 2:
            raise OSError(f"e2fsck: {done.returncode}: {done.stdout.decode(errors='replace')}")
        self.mount()

    def close(self):
        self.unmount()
        self.below.close()


def why_not(folder):
    """Why no such file system can be made here; "" when it can."""
    try:
        trial = pathlib.Path(tempfile.mkdtemp(dir=folder))
        volume = Ext4(trial, 16, 32)
        volume.shut_down("nothing flushed")
        volume.close()
        shutil.rmtree(trial)
    except (OSError, subprocess.TimeoutExpired) as fault:
        return str(fault)
    return ""
