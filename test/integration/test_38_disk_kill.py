"""kill -9 at any moment, under load: the next process answers at once, never wrongly, and has all but the last second.

LARDER_KILL_ROUNDS sets how many rounds; LARDER_KILL_SEED repeats one run's choices (not its timing).
"""

import os
import random

from disk import DiskCase, content, page, segments
from harness import *

ROUNDS = int(os.environ.get("LARDER_KILL_ROUNDS", "10" if SANITIZED else "25"))
SEED = int(os.environ.get("LARDER_KILL_SEED", "0")) or random.randrange(1, 1 << 30)
FIRST_ANSWER = 10.0 if SANITIZED else 1.0  # seconds, with the start of the process
LOADERS = 5
SETTLED = 1.0  # what was stored so long before the kill must be there
ANSWERED = 0.05  # an invalidation answered so long before the kill must hold
CHECKED = 250  # URLs that are looked at after each round


class Book:
    """What is known of each URL: its version at the origin, the version that no answer may be older than, and when
    which version was stored. The origin writes one half, the clients the other."""

    def __init__(self, sizes):
        self.lock = threading.Lock()
        self.sizes = sizes
        self.version = [1] * len(sizes)  # at the origin
        self.floor = [1] * len(sizes)  # of what a request that begins now may be answered with
        self.rises = []  # (when a floor rose, whose, what it was until then), in this process's life
        self.stored = {}  # url -> (version, when its last answer from the origin had come whole)
        self.problems = []
        self.when = ""  # what goes on now, for the problems
        self.answers = self.hits = 0

    def body(self, i, version):
        return content(i, self.sizes[i], version)

    def on_post(self, i):
        with self.lock:
            self.version[i] += 1
            self.stored.pop(i, None)  # its answer may never arrive
            return self.version[i]

    def on_posted(self, i, version):
        with self.lock:
            self.rises.append((time.monotonic(), i, self.floor[i]))
            self.floor[i] = max(self.floor[i], version)
            self.stored.pop(i, None)

    def on_kill(self, at):
        """Invalidations whose answers had only just come may be lost with the process. {url: version that must be there}."""
        with self.lock:
            for when, i, floor in self.rises:
                if when > at - ANSWERED:
                    self.floor[i] = min(self.floor[i], floor)
            self.rises.clear()
            return {i: version for i, (version, when) in self.stored.items() if when < at - SETTLED}

    def judge(self, i, floor, response):
        """The version of an answer that is right; whatever is wrong with it is a problem."""
        if not response.complete:
            return None
        version = int(response["X-Version"] or 0)
        if response.status != 200 or response.body != self.body(i, version):
            self.problems.append(f"{self.when}: /{i}: not the origin's bytes: {response}")
        elif version < floor:
            self.problems.append(f"{self.when}: /{i}: version {version} after {floor} was known: {response}")
        return version


class Kill(DiskCase):
    def respond(self, request, connection):
        i = int(request.target[1:])
        if request.method == "POST":
            return page(b"", {"X-Version": str(self.book.on_post(i))})
        with self.book.lock:
            version = self.book.version[i]
        return page(self.book.body(i, version), {"Cache-Control": "max-age=60000", "X-Version": str(version)})

    def pick(self, dice):
        """Some URLs are asked for far more often than others, every other time; else any of them."""
        count = len(self.book.sizes)
        return min(int(dice.paretovariate(0.8)) - 1, count - 1) if dice.random() < 0.5 else dice.randrange(count)

    def load(self, number, proxy, stop):
        dice = random.Random(SEED * 1000 + number)
        client = None
        while not stop.is_set():
            i = self.pick(dice)
            with self.book.lock:
                floor = self.book.floor[i]
            try:
                client = client or Client(proxy.port)
                if dice.random() < 0.03:
                    answer = client.ask("POST", self.site.url(f"/{i}"), body=b"")
                    if answer.complete and answer.status == 200:
                        self.book.on_posted(i, int(answer["X-Version"]))
                    continue
                answer = client.get(self.site.url(f"/{i}"))
            except (OSError, Closed) as error:
                client = None
                if not stop.is_set():
                    self.book.problems.append(f"no answer to /{i}: {error!r}")
                continue
            if not answer.complete:
                client = None
                if not stop.is_set():
                    self.book.problems.append(f"cut: {answer}")
                continue
            self.note(i, floor, answer)
        if client:
            client.close()

    def note(self, i, floor, answer):
        version = self.book.judge(i, floor, answer)
        said = cache_status(answer)
        with self.book.lock:
            self.book.answers += 1
            self.book.hits += said.get("hit") is True
            if said.get("stored") and version >= self.book.floor[i]:
                self.book.stored[i] = (version, time.monotonic())

    def one_round(self, keys, seconds):
        """Starts, measures the first answer, loads, kills. Returns the seconds to the first answer and what must be
        there afterwards."""
        self.book.when = "the first answer after a kill"
        began = time.monotonic()
        self.proxy = self.larder({"cache.disk.path": self.folder, **keys})
        with self.book.lock:
            floor = self.book.floor[0]
        first = ask(self.proxy.port, "GET", self.site.url("/0"))
        took = time.monotonic() - began
        self.book.judge(0, floor, first)
        self.assertEqual(self.book.problems, [])
        self.book.when = f"under load, {seconds:.3f} s of it"
        stop = threading.Event()
        threads = [threading.Thread(target=self.load, args=(n, self.proxy, stop)) for n in range(LOADERS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)  # the random moment itself
        stop.set()
        self.proxy.process.kill()
        at = time.monotonic()
        for thread in threads:
            thread.join()
        self.kill()
        return took, self.book.on_kill(at)

    def check(self, keys, expected, dice):
        """All that is in the folder is right; of what was stored long enough before, nothing is missing."""
        self.start(keys)
        self.book.when = "once loaded after a kill"
        lost = []
        client = self.client()
        chosen = dice.sample(range(len(self.book.sizes)), min(CHECKED, len(self.book.sizes)))
        for i in chosen:
            answer = client.get(self.site.url(f"/{i}"), {"Cache-Control": "only-if-cached"})
            if answer.status == 504:
                lost += [i] if i in expected else []
                continue
            version = self.book.judge(i, self.book.floor[i], answer)
            if i in expected and version < expected[i]:
                lost.append(i)
        self.assertEqual(self.book.problems, [])
        errors = self.errors()
        self.assertEqual(set(errors) - {"torn"}, set(), errors)
        self.kill()
        return lost, sum(i in expected for i in chosen)

    def rounds(self, sizes, keys, count, keeps_all):
        dice = random.Random(SEED)
        self.book = Book(sizes)
        self.site = self.origin(self.respond)
        lost = checked = 0
        slowest = 0.0
        for _ in range(count):
            took, expected = self.one_round(keys, dice.uniform(0.05, 1.0))
            slowest = max(slowest, took)
            missing, looked_at = self.check(keys, expected if keeps_all else {}, dice)
            lost, checked = lost + len(missing), checked + looked_at
        book = self.book
        print(f"       {count} kills (seed {SEED}): {book.answers} answers, {book.hits} hits, {len(book.problems)} wrong, {lost} of "
              f"{checked} older than {SETTLED:g} s lost, first answer after {slowest * 1000:.0f} ms at most", flush=True)
        self.assertEqual(book.problems, [])
        self.assertEqual(lost, 0)
        self.assertLess(slowest, FIRST_ANSWER)
        self.assertGreater(book.hits, count)
        if keeps_all and count > 5:
            self.assertGreater(checked, count)
        return book

    def newest(self):
        return int(os.path.basename(segments(self.folder)[-1])[:-4], 16)

    def test_with_room_for_all(self):
        dice = random.Random(SEED)
        sizes = [int(dice.choice((0, 2e3, 2e3, 2e4, 1e5, 3e5, 1.2e6)) * dice.random()) for _ in range(600)]
        self.rounds(sizes, {"cache.memory": '"8MiB"'}, (ROUNDS + 1) // 2, keeps_all=True)

    def test_while_it_evicts_and_carries_over(self):
        """The process is killed in the middle of making room, time and again."""
        dice = random.Random(SEED)
        sizes = [int(dice.choice((2e3, 2e4, 1e5, 4e5)) * dice.random()) for _ in range(3000)]
        keys = {"cache.disk.size": '"32MiB"', "cache.memory": '"1MiB"'}
        filler = self.origin(lambda r, c: page(b"x" * 100_000))
        self.start(keys)
        client = self.client()
        for n in range(400):  # full from the first round on
            self.assert_ok(client.get(filler.url(f"/{n}")))
        self.kill()
        full = self.newest()
        self.rounds(sizes, keys, ROUNDS // 2, keeps_all=False)
        self.assertGreater(self.newest(), full + ROUNDS // 2, "nothing had to go")
        self.start(keys)
        self.assertGreater(self.proxy.metric('larder_cache_objects{tier="disk"}'), 100)


if __name__ == "__main__":
    unittest.main()
