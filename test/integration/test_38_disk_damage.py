"""Files that are torn, flipped, foreign, of another format or gone: a miss, counted, and never an answer or a stop.

Each test takes a folder of its own that was filled once, damages it, and asks for all that was stored: every answer must be
the origin's, byte for byte, and whatever had to be fetched anew must have been counted as an error.
"""

import os
import shutil

from disk import (BLOCK, FOOTER_TAIL, RECORD_HEADER, SEGMENT_HEADER, DiskCase, content, flip, overwrite, page, records,
                  segments)
from harness import *

KIB, MIB = 1 << 10, 1 << 20
SIZES = (0, 100, KIB, 60 * KIB, 100 * KIB, 255 * KIB, 300 * KIB, MIB, 3 * MIB)


class Damage(DiskCase):
    def fill(self, seal=True, sizes=SIZES):
        """One segment with one record of each size, and a journal; sealed with a footer, or as kill -9 leaves it."""
        self.site = self.origin(lambda r, c: page(content(r.target, int(r.target[1:]))) if r.method == "GET" else page(b""))
        self.paths = [f"/{size}" for size in sizes]
        self.on_new_folder()
        self.start()
        self.fetch(self.site.url("/77"))
        self.wait_stored(1)
        self.fetch(self.site.url("/77"), method="POST", body=b"")
        for path in self.paths:
            self.assert_ok(self.fetch(self.site.url(path)), self.body(path))
        self.wait_stored(1 + len(self.paths))
        self.stop() if seal else self.kill()
        self.assertEqual(len(segments(self.folder)), 1)
        self.segment = segments(self.folder)[0]

    def body(self, path):
        return content(path, int(path[1:]))

    def ask_all(self):
        """The paths that had to be fetched anew; every answer is right."""
        asked = len(self.site.requests)
        for path in self.paths:
            response = self.fetch(self.site.url(path))
            self.assert_ok(response, self.body(path))
        return [r.target for r in self.site.requests[asked:]]

    def check(self, kinds=None, missing=None, is_counted=True):
        """Starts on what is there and asks for all of it, twice. `kinds`: of the errors that are counted; None: some,
        should anything be missing. `missing`: the paths that must be asked for anew."""
        self.start()
        gone = self.ask_all()
        errors = self.errors()
        if kinds is not None:
            self.assertEqual(set(errors), set(kinds), f"{errors}, gone: {gone}")
        elif gone and is_counted:
            self.assertTrue(errors, f"{gone} were lost, and nothing was counted")
        if missing is not None:
            self.assertEqual(gone, missing)
        self.wait_stored(len(gone))
        self.assertEqual(self.ask_all(), [], "what was fetched anew is not kept")
        return gone

    # --- one bit ---

    def flipped(self, where, seal=True, kinds=("checksum",)):
        """One bit in each record, at where(record) bytes from its beginning."""
        self.fill(seal)
        damaged = []
        for record, path in zip(records(self.segment)[1:], self.paths):
            offset = where(record)
            if offset is not None:
                flip(self.segment, record.offset + offset)
                damaged.append(path)
        self.assertTrue(damaged)
        self.check(kinds, missing=damaged)

    def body_begin(self, record):
        return RECORD_HEADER + record.key_size + record.head_size

    def test_a_bit_of_a_small_body(self):
        self.flipped(lambda r: self.body_begin(r) + r.body_size // 2 if 0 < r.body_size < 256 * KIB else None)

    def test_a_bit_of_the_first_block_of_a_large_body(self):
        self.flipped(lambda r: self.body_begin(r) + 1000 if r.body_size > 256 * KIB else None)

    def test_a_bit_in_the_middle_of_a_large_body(self):
        """The answer is under way when it shows: it may be cut, but only once, and never looks whole."""
        self.fill()
        large = [r for r in records(self.segment)[1:] if r.body_size > 256 * KIB]
        for record in large:
            flip(self.segment, record.offset + self.body_begin(record) + 3 * BLOCK + 5)
        self.start()
        for record in large:
            with self.subTest(record.body_size):
                path = f"/{record.body_size}"
                first = self.fetch(self.site.url(path))
                if first.complete:
                    self.assert_ok(first, self.body(path))
                else:
                    self.assertTrue(self.body(path).startswith(first.body))
                response = self.fetch(self.site.url(path))
                self.assert_ok(response, self.body(path))
        self.assertIn("checksum", self.errors())

    def test_a_bit_of_the_head(self):
        self.flipped(lambda r: RECORD_HEADER + r.key_size + r.head_size // 2)

    def test_a_bit_of_the_key(self):
        self.flipped(lambda r: RECORD_HEADER + r.key_size - 1)

    def test_a_bit_of_the_blocks_sums(self):
        self.flipped(lambda r: self.body_begin(r) + r.body_size + 1 if r.body_size else None)

    def test_a_bit_of_a_records_header(self):
        self.flipped(lambda r: 12)

    def test_a_bit_of_a_records_header_in_a_segment_without_a_footer(self):
        self.flipped(lambda r: 12 if r.body_size in (KIB, 100 * KIB) else None, seal=False)

    def test_a_bit_of_a_records_size_in_a_segment_without_a_footer(self):
        self.flipped(lambda r: 34 if r.body_size in (KIB, 100 * KIB) else None, seal=False)

    def test_a_bit_of_the_footer(self):
        """Its records are looked for one by one: nothing is lost."""
        self.fill()
        size = os.path.getsize(self.segment)
        for at in (1, 9, 17, FOOTER_TAIL - 1, FOOTER_TAIL + 5, FOOTER_TAIL + 32 * len(SIZES)):
            with self.subTest(f"{at} bytes from the end"):
                flip(self.segment, size - at)
                self.check(("checksum",), missing=[])
                self.stop()
                flip(self.segment, size - at)

    def test_a_bit_of_a_segments_header(self):
        """Another magic: it is none of ours. Anything else: it cannot be trusted."""
        for at, kind in ((2, "foreign"), (13, "checksum"), (17, "checksum"), (40, "checksum"), (60, "checksum")):
            with self.subTest(at):
                self.fill()
                flip(self.segment, at)
                self.check((kind,), missing=self.paths)
                self.assertEqual(os.path.exists(self.segment), kind == "foreign")

    def test_a_bit_of_the_journal(self):
        """What was invalidated is not known any more: nothing that was stored may be used."""
        for at in (2, 16, 24, 50):
            with self.subTest(at):
                self.fill()
                flip(os.path.join(self.folder, "journal"), at)
                gone = self.check()
                self.assertEqual(gone, self.paths)
                self.assertEqual(len(self.said("journal")), 1)

    def test_a_bit_of_the_label(self):
        for at in (3, 13, 20, 50):
            with self.subTest(at):
                self.fill()
                flip(os.path.join(self.folder, "larder-cache"), at)
                self.check(missing=self.paths)
                self.assertEqual(len(self.said("cache.disk", "empty")), 1)

    # --- lengths ---

    def test_a_segment_that_was_cut(self):
        for seal in (True, False):
            self.fill(seal)
            whole = os.path.join(self.new_folder(), "whole")
            shutil.copyfile(self.segment, whole)
            size = os.path.getsize(whole)
            third = records(whole)[3]
            last = records(whole)[-1]
            lengths = [0, 1, SEGMENT_HEADER - 1, SEGMENT_HEADER, SEGMENT_HEADER + 1, third.offset, third.offset + 63,
                       third.offset + 64, third.offset + 200, last.offset + 70 * KIB, size // 2, size - FOOTER_TAIL, size - 1]
            for length in lengths:
                with self.subTest(f"{length} of {size} bytes, {'with' if seal else 'without'} a footer"):
                    if self.proxy is not None:
                        self.stop()
                    for path in segments(self.folder):
                        os.unlink(path)
                    shutil.copyfile(whole, self.segment)
                    os.truncate(self.segment, length)
                    # Cut between two records, it looks as if no more had been stored.
                    gone = self.check(is_counted=length not in (SEGMENT_HEADER, third.offset))
                    before = [p for r, p in zip(records(whole)[1:], self.paths) if r.offset + r.body_size + 20 * KIB < length]
                    self.assertEqual([p for p in before if p in gone], [], "what lay before the cut is lost")

    def test_a_segment_that_grew(self):
        self.fill(seal=False)
        with open(self.segment, "ab") as file:
            file.write(bytes(3 * MIB) + os.urandom(MIB))
        self.check(missing=[])

    def test_files_cut_to_other_lengths(self):
        for name in ("journal", "larder-cache"):
            for length in (0, 1, 20, 55):
                with self.subTest(f"{name} of {length} bytes"):
                    self.fill()
                    os.truncate(os.path.join(self.folder, name), length)
                    self.check()

    # --- whole files ---

    def test_a_segment_of_random_bytes_or_none(self):
        for data, kind in ((os.urandom(200000), "foreign"), (b"", "torn"), (bytes(100000), "torn")):
            with self.subTest(kind):
                self.fill()
                with open(self.segment, "wb") as file:
                    file.write(data)
                self.check((kind,), missing=self.paths)

    def test_a_segment_that_is_gone(self):
        self.fill()
        os.unlink(self.segment)
        self.start()
        self.assertEqual(self.ask_all(), self.paths)

    def test_one_segment_under_anothers_name(self):
        self.fill()
        other = os.path.join(self.folder, "00000000000000ff.seg")
        shutil.copyfile(self.segment, other)
        self.check(("checksum",), missing=[])
        self.assertFalse(os.path.exists(other))

    def test_foreign_files(self):
        self.fill()
        os.mkdir(os.path.join(self.folder, "holiday"))
        for name in ("letter.txt", "0001.seg", "00000000000000ff.seg", "core"):
            with open(os.path.join(self.folder, name), "wb") as file:
                file.write(b"somebody's " * 1000)
        for _ in range(2):
            self.check(("foreign",), missing=[])
            self.assertEqual(self.errors()["foreign"], 5)
            self.stop()
        for name in ("holiday", "letter.txt", "0001.seg", "00000000000000ff.seg", "core"):
            self.assertTrue(os.path.exists(os.path.join(self.folder, name)), name)

    def test_things_that_are_no_files(self):
        """Where a file of ours should be."""
        def folder(path):
            os.mkdir(path)

        def link(path):
            os.symlink(victim, path)

        victim = os.path.join(self.new_folder(), "victim")
        with open(victim, "w", encoding="ascii") as file:
            file.write("somebody's")
        for name in ("journal", "larder-cache", "00000000000000ff.seg", "new"):
            for make in (folder, link, os.mkfifo):
                with self.subTest(f"{name}: {make.__name__}"):
                    self.fill(sizes=(100,))
                    path = os.path.join(self.folder, name)
                    if os.path.exists(path):
                        os.unlink(path)
                    if name == "new":
                        os.unlink(os.path.join(self.folder, "larder-cache"))  # then it is needed
                    make(path)
                    try:
                        self.start(wait=False)
                        self.proxy.wait_until(lambda: self.proxy._ready or not self.proxy.alive(), "it hangs", 5)
                        if self.proxy.alive():
                            self.wait_loaded(5)
                            self.ask_all()
                            self.stop()
                        else:  # it may say that it cannot go on
                            self.proxy.process.wait()
                            self.proxy._join()
                            self.proxy.judge(2)
                            self.proxy = None
                    finally:
                        if self.proxy is not None:
                            self.kill()
                    with open(victim, encoding="ascii") as file:
                        self.assertEqual(file.read(), "somebody's")

    def test_another_format(self):
        """Older or newer, it is discarded with one line."""
        for number in (0, 2, 255):
            with self.subTest(f"{number} in segments"):
                self.fill()
                for i in range(1, 4):
                    shutil.copyfile(self.segment, self.segment.replace("0001.seg", f"00f{i}.seg"))
                for path in segments(self.folder):
                    overwrite(path, 8, bytes([number]))
                self.check(("format",), missing=self.paths)
                self.assertEqual(len(self.said("format")), 1)
                self.assertEqual(self.errors()["format"], 4)
            with self.subTest(f"{number} in the label"):
                self.fill()
                overwrite(os.path.join(self.folder, "larder-cache"), len("larder-cache "), b"%d" % (number % 10 + 2))
                self.check(missing=self.paths)
                self.assertEqual(len(self.said("format")), 1)

    # --- while it runs ---

    def test_damage_while_it_runs(self):
        """The files are open; their bytes change or go."""
        def zeros(path):
            overwrite(path, 0, bytes(os.path.getsize(path)))

        def noise(path):
            overwrite(path, 0, os.urandom(os.path.getsize(path)))

        damages = {"cut to nothing": (lambda p: os.truncate(p, 0), {"torn"}), "zeros": (zeros, {"torn", "checksum"}),
                   "noise": (noise, {"checksum"}), "cut in half": (lambda p: os.truncate(p, 200 * KIB), {"torn"})}
        for name, (damage, kinds) in damages.items():
            with self.subTest(name):
                self.fill()
                self.start()
                damage(self.segment)
                gone = self.ask_all()
                self.assertGreaterEqual(len(gone), 3)
                errors = self.errors()
                self.assertTrue(errors and set(errors) <= kinds, errors)
                self.assertLessEqual(len(self.said("cache.disk")), 2, self.proxy.stderr)
                self.wait_stored(len(gone))
                self.assertEqual(self.ask_all(), [])

    def test_a_segment_that_is_deleted_while_it_runs(self):
        """It is still open: it may go on to serve."""
        self.fill()
        self.start()
        os.unlink(self.segment)
        self.ask_all()
        self.kill()
        self.start()
        self.ask_all()


if __name__ == "__main__":
    unittest.main()
