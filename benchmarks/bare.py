"""References: what the disk and the system's own programs do with the same bytes, with nothing of ours."""

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path


def append_and_flush(folder: Path, record: bytes, seconds: float) -> float:
    """Appends a second, each followed by an fdatasync, from one thread."""
    fd = os.open(folder / "append", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            os.write(fd, record)
            os.fdatasync(fd)
            count += 1
        return count / (time.perf_counter() - started)
    finally:
        os.close(fd)


def files_and_flush(folder: Path, content: bytes, seconds: float, threads: int) -> float:
    """Documents a second as two files each (bytes, attributes), each written, flushed and renamed."""
    attributes = json.dumps({"padding": "x" * 900}).encode()
    counts = [0] * threads
    deadline = time.perf_counter() + seconds

    def work(number: int) -> None:
        own = folder / f"thread-{number}"
        own.mkdir()
        while time.perf_counter() < deadline:
            name = own / str(counts[number])
            for path, data in ((name, content), (name.with_suffix(".attr.json"), attributes)):
                temporary = path.with_suffix(path.suffix + ".tmp")
                fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                os.write(fd, data)
                os.fsync(fd)
                os.close(fd)
                temporary.rename(path)
            counts[number] += 1

    started = time.perf_counter()
    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - started)


def checksum_copy_flush(source: Path, folder: Path) -> float:
    """Seconds for sha256sum, cp and fsync of one file, one after the other."""
    target = folder / "copy"
    started = time.perf_counter()
    subprocess.run(["sha256sum", str(source)], check=True, stdout=subprocess.DEVNULL)
    shutil.copyfile(source, target)
    fd = os.open(target, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    elapsed = time.perf_counter() - started
    target.unlink()
    return elapsed


def read_and_checksum(source: Path) -> float:
    """Seconds for cat of one file into a pipe that is read to its end."""
    started = time.perf_counter()
    with subprocess.Popen(["cat", str(source)], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        while cat.stdout.read(1 << 20):
            pass
    return time.perf_counter() - started
