"""A process that has imported everything, and forks one process per command, with a fault in it.

It reads a request per line, as JSON, and answers with a line when the process has begun, and one
when it has ended. A forked process begins at once, so hundreds of faults take minutes.

A fault happens at an operation on a file: the n-th file that is opened for writing, or name that is
made, changed or removed, below the working directory. That is a moment which no other work on the
machine shifts. Or it happens after so many seconds of the process's own time on the processor.
"""

import ctypes
import importlib
import json
import mmap
import os
import resource
import signal
import struct
import sys
import threading
from contextlib import suppress
from pathlib import Path

MODULES = (
    *("asc_nas.cli.main", "asc_nas.run.run", "asc_nas.run.crossval", "asc_nas.run.ship"),
    *("asc_nas.export.quantize", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.metrics"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf", "plotly.graph_objects"),
    *("torch.export", "torch._dynamo", "torch._inductor.config", "torch._functorch.aot_autograd"),
    *("torch.onnx._internal.exporter._core", "onnxscript.rewriter", "fontTools.subset"),
)
"""Those that take a while, and that commands import when they need them."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
NAMES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate")
CAPGET, CAPSET, DAC_OVERRIDE = 125, 126, 1


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt():
    signal.raise_signal(signal.SIGINT)


def fill(ballast):
    """Take all the room there is on the disk."""
    with suppress(OSError), Path(ballast).open("wb", buffering=0) as handle:
        while True:
            handle.write(bytes(4096))


def limit():
    """Let no file grow, from now on."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def protect():
    """Let nothing below the working directory be written, and this process obey that."""
    obey_permissions()
    for path in Path.cwd().rglob("*"):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)
    Path.cwd().chmod(0o555)


def shrink(path):
    """Cut a file off."""
    os.truncate(path, Path(path).stat().st_size // 3)


ACTIONS = {
    "kill": kill,
    "interrupt": interrupt,
    "interrupt twice": interrupt,
    "fill": fill,
    "limit": limit,
    "protect": protect,
    "remove": os.remove,
    "shrink": shrink,
}


class Hook:
    """Counts operations, and does what a request says at one of them."""

    def __init__(self, counter, at=0, do="", given=()):
        self.counter, self.at, self.do, self.given = counter, at, do, given
        self.count = 0
        self.root = Path.cwd()
        self.active, self.again = True, False

    def __call__(self, event, arguments):
        if not self.active:
            return
        if self.again:  # a second Ctrl-C, as soon as anything happens after the first
            self.active = False
            interrupt()
        if self._is_operation(event, arguments):
            self.count += 1
            self.counter[:8] = struct.pack("q", self.count)
            if self.count == self.at:
                self.active = False
                try:
                    ACTIONS[self.do](*self.given)
                finally:
                    self.active, self.again = True, self.do == "interrupt twice"

    def _is_operation(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str) or not isinstance(flags, int) or not flags & WRITING:
                return False
        elif event in NAMES:
            path = os.fspath(arguments[0])
        else:
            return False
        return Path(self.root, path).is_relative_to(self.root)


def obey_permissions():
    """Give up root's right to write where the permissions say no."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        header, sets = struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
        libc.syscall(CAPGET, header, sets)
        low, *others = struct.unpack("6I", sets.raw)
        sets.raw = struct.pack("6I", low & ~(1 << DAC_OVERRIDE), *others)
        if libc.syscall(CAPSET, header, sets):
            raise RuntimeError(os.strerror(ctypes.get_errno()))


def after(seconds, do, given=()):
    """Let it happen after so much time on the processor."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    if do == "kill":  # which is what SIGPROF does, unless it is handled
        return
    left = 2 if do == "interrupt twice" else 1

    def handle(*_):
        nonlocal left
        left -= 1
        if left:
            signal.setitimer(signal.ITIMER_PROF, 0.02)
        ACTIONS[do](*given)

    signal.signal(signal.SIGPROF, handle)


def child(request, counter):
    fault = request["fault"]
    os.setsid()
    os.chdir(request["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "seconds" in fault:
        after(**fault)
        fault = {}
    sys.addaudithook(Hook(counter, **fault))
    from asc_nas.cli.main import main

    try:
        main(request["arguments"])
    finally:  # the command is over: what comes now would hit this server
        signal.signal(signal.SIGPROF, signal.SIG_IGN)


def serve(request):
    counter = mmap.mmap(-1, 8)
    printed, said = Heard(), Heard()
    process = os.fork()
    if not process:
        code = 70
        try:
            os.dup2(printed.theirs, 1)
            os.dup2(said.theirs, 2)
            for heard in (printed, said):
                os.close(heard.ours)
                os.close(heard.theirs)
            for number, name in ((1, "stdout"), (2, "stderr")):  # what they knew was another file
                setattr(sys, name, os.fdopen(os.dup(number), "w", buffering=1))
            child(request, counter)
        except SystemExit as error:
            code = error.code or 0
        except KeyboardInterrupt:
            code = 70
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    answer(process=process)
    printed.listen()
    said.listen()
    _, status, usage = os.wait4(process, 0)
    answer(
        code=os.waitstatus_to_exitcode(status),
        printed=printed.text(),
        said=said.text(),
        seconds=usage.ru_utime + usage.ru_stime,
        operations=struct.unpack("q", counter[:8])[0],
    )


class Heard:
    """What a process writes into a pipe."""

    def __init__(self):
        self.ours, self.theirs = os.pipe()
        self._pieces = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def listen(self):
        os.close(self.theirs)
        self._thread.start()

    def text(self):
        self._thread.join(60)  # those that outlive it hold the pipe, and the test looks for them
        return bytes(self._pieces).decode(errors="replace")

    def _read(self):
        while piece := os.read(self.ours, 65536):
            self._pieces.extend(piece)
        os.close(self.ours)


def answer(**values):
    os.write(ANSWERS, (json.dumps(values) + "\n").encode())


if __name__ == "__main__":
    ANSWERS = os.dup(1)  # what is printed by accident goes elsewhere
    os.dup2(2, 1)
    sys.path[:0] = [str(Path(__file__).parents[2])]
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            print(f"not imported in advance: {error}", file=sys.stderr)
    import torch

    torch.set_num_threads(1)
    answer(ready=True)
    for line in sys.stdin:
        serve(json.loads(line))
