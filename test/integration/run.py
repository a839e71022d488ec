"""Runs the integration tests: each file in a process of its own, two at a time, with the name and time of each test.

    run.py [--jobs N] [PATTERN...]      PATTERN: part of a file's or a test's name
    LARDER_BINARY   the program (default build/larder)     LARDER_SANITIZED   "", "asan" or "tsan"

The last line is 'N passed, N failed'; the exit status is 1 when anything failed, or when no test ran.
"""

import argparse
import concurrent.futures
import glob
import json
import os
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = ("test_90", "test_95", "test_97")  # they measure the machine: nothing beside them
if "LARDER_BINARY" in os.environ:  # each file runs in this folder
    os.environ["LARDER_BINARY"] = os.path.abspath(os.environ["LARDER_BINARY"])
FILE_TIMEOUT = int(os.environ.get("LARDER_FILE_TIMEOUT", "600"))


class Result(unittest.TestResult):
    """Prints one line per test as it ends, and the whole story of a failure at once."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.bad = None

    def addError(self, test, error):
        self.bad = self._exc_info_to_string(error, test)
        if not hasattr(test, "_testMethodName"):  # setUpClass, tearDownClass, setUpModule
            self._print(test, "FAIL")

    def addFailure(self, test, error):
        self.addError(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.bad = (self.bad or "") + f"{subtest}\n" + self._exc_info_to_string(error, test)

    def addSkip(self, test, reason):
        self.bad = f"skipped ({reason}): a missing tool is a failure, not a skip"

    def stopTest(self, test):
        super().stopTest(test)
        self._print(test, "FAIL" if self.bad else "ok")

    def _print(self, test, verdict):
        took = time.monotonic() - self.began if self.began else 0
        name = test.id() if hasattr(test, "_testMethodName") else str(test)
        self.passed += verdict == "ok"
        self.failed += verdict != "ok"
        print(f"  {verdict:<4} {name}  {took:.2f} s", flush=True)
        if self.bad:
            print("\n".join("       | " + line for line in self.bad.splitlines()), flush=True)
        self.bad = None


def run_file(path, patterns):
    sys.path.insert(0, HERE)
    module = os.path.splitext(os.path.basename(path))[0]
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromName(module)
    if loader.errors:
        print("\n".join(loader.errors))
        return 0, len(loader.errors)
    if patterns and not any(p in module for p in patterns):
        suite = unittest.TestSuite(t for t in flatten(suite) if any(p in t.id() for p in patterns))
    result = Result()
    suite.run(result)
    return result.passed, result.failed


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def child(path, patterns):
    began = time.monotonic()
    command = [sys.executable, "-X", "faulthandler", os.path.abspath(__file__), "--one", path, *patterns]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=HERE)
    try:
        output, _ = process.communicate(timeout=FILE_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        output += f"\n  FAIL {os.path.basename(path)} did not end within {FILE_TIMEOUT} s\n".encode()
    text = output.decode("utf-8", "replace")
    lines = text.splitlines()
    counts = {"passed": 0, "failed": 1}
    if lines and lines[-1].startswith('{"passed"'):
        counts = json.loads(lines.pop())
    return os.path.basename(path), "\n".join(lines), counts, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("patterns", nargs="*")
    args = parser.parse_args()
    if args.one:
        passed, failed = run_file(args.one, args.patterns)
        print(json.dumps({"passed": passed, "failed": failed}), flush=True)
        return 1 if failed else 0

    files = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
    by_file = [f for f in files if any(p in os.path.basename(f) for p in args.patterns)]
    files = by_file or files if args.patterns else files
    beside = [f for f in files if not os.path.basename(f).startswith(ALONE)]
    alone = [f for f in files if f not in beside]
    passed = failed = 0

    def tell(done):
        nonlocal passed, failed
        name, text, counts, took = done
        if counts["passed"] or counts["failed"]:
            print(f"{name}  {counts['passed']} passed, {counts['failed']} failed, {took:.1f} s\n{text}", flush=True)
        passed += counts["passed"]
        failed += counts["failed"]

    with concurrent.futures.ThreadPoolExecutor(max(1, args.jobs)) as pool:
        for done in concurrent.futures.as_completed([pool.submit(child, f, args.patterns) for f in beside]):
            tell(done.result())
    for path in alone:
        tell(child(path, args.patterns))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
