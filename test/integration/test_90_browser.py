"""Headless Chromium loads a page of 20 objects twice through the proxy, each time with a new profile."""

import os
import shutil
import subprocess
import tempfile

import png
from harness import *
from harness import OUTPUT
from nginx import Nginx

TILES = 20
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--force-device-scale-factor=1", "--force-color-profile=srgb", "--window-size=640,520",
         "--proxy-bypass-list=<-loopback>")


def colour(i):
    return (40 + 10 * i, 250 - 11 * i, (90 + 53 * i) % 256)


class Browser(ProxyCase):
    def page(self, nginx):
        """16 pictures, three style sheets that paint a tile each, and a script that paints the last."""
        tiles, links = "", ""
        for i in range(TILES):
            r, g, b = colour(i)
            if i < 16:
                nginx.write(f"{i}.png", png.solid(80, 80, (r, g, b)))
                tiles += f'<img src="{i}.png" width="80" height="80">'
            elif i < 19:
                nginx.write(f"{i}.css", f"#t{i} {{ background: rgb({r},{g},{b}); }}")
                links += f'<link rel="stylesheet" href="{i}.css">'
                tiles += f'<div id="t{i}"></div>'
            else:
                nginx.write(f"{i}.js", f"document.getElementById('t{i}').style.background = 'rgb({r},{g},{b})';")
                tiles += f'<div id="t{i}"></div><script src="{i}.js"></script>'
        style = "<style>body{margin:0;font-size:0;background:#fff}img,div{display:inline-block;width:80px;height:80px;margin:10px}</style>"
        nginx.write("index.html", f'<!doctype html><title>tiles</title><link rel="icon" href="0.png">{style}{links}<body>{tiles}')

    def load(self, url, picture):
        program = shutil.which("chromium")
        self.assertIsNotNone(program, "chromium is missing")
        with tempfile.TemporaryDirectory(prefix="larder-chromium-") as profile:
            done = subprocess.run([program, *FLAGS, f"--user-data-dir={profile}", f"--proxy-server=127.0.0.1:{self.proxy.port}",
                                   f"--screenshot={picture}", url], capture_output=True, timeout=180, check=False,
                                  env={"PATH": os.environ["PATH"], "HOME": profile, "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stderr.decode("utf-8", "replace")[-3000:])
        with open(picture, "rb") as file:
            shot = png.Picture(file.read())
        self.assertGreater(len(shot.colours()), TILES, "a blank screenshot")
        per_row = shot.width // 100
        for i in range(TILES):
            x, y = (i % per_row) * 100 + 50, (i // per_row) * 100 + 50
            seen = shot.at(x, y)
            self.assertLess(max(abs(a - b) for a, b in zip(seen, colour(i))), 6, f"tile {i} at {x},{y} is {seen}, not {colour(i)}: see {picture}")

    def twice(self, extra, name):
        nginx = self._watch(Nginx(extra=extra))
        self.page(nginx)
        os.makedirs(OUTPUT, exist_ok=True)
        self.load(nginx.url("/index.html"), os.path.join(OUTPUT, f"{name}-first.png"))
        first = nginx.log()
        self.assertEqual(sorted(l[1] for l in first if l[2] == 200), sorted(["/index.html"] + [
            f"/{i}.{'png' if i < 16 else 'css' if i < 19 else 'js'}" for i in range(TILES)]))
        self.load(nginx.url("/index.html"), os.path.join(OUTPUT, f"{name}-second.png"))
        return first, nginx.log()[len(first):], nginx

    def test_second_load_comes_from_the_cache(self):
        _, second, nginx = self.twice("expires 1h;", "browser-fresh")
        self.assertEqual(second, [], "the origin was asked again")
        lines = [l for l in self.proxy.log if l["url"].startswith(nginx.url())]
        self.assertGreaterEqual(sum(1 for l in lines if l["result"] == "hit" and l["status"] == 200), TILES + 1)

    def test_second_load_without_explicit_lifetimes(self):
        """What a plain nginx says (Last-Modified and ETag only): no full response crosses the line again."""
        _, second, _ = self.twice("", "browser-heuristic")
        self.assertEqual([l for l in second if l[2] == 200], [])

    def test_second_load_with_no_cache(self):
        """An origin that wants to be asked each time: 304 for each, no body twice."""
        _, second, _ = self.twice('add_header Cache-Control no-cache;', "browser-no-cache")
        self.assertEqual({l[2] for l in second}, {304})
        self.assertEqual(sum(l[3] for l in second), 0)

    def test_help_page_in_the_browser(self):
        """Not through the proxy but at it: the page that tells how to set a browser."""
        program = shutil.which("chromium")
        self.assertIsNotNone(program, "chromium is missing")
        os.makedirs(OUTPUT, exist_ok=True)
        picture = os.path.join(OUTPUT, "help-page.png")
        with tempfile.TemporaryDirectory(prefix="larder-chromium-") as profile:
            subprocess.run([program, *FLAGS, f"--user-data-dir={profile}", f"--screenshot={picture}", f"http://127.0.0.1:{self.proxy.port}/"],
                           capture_output=True, timeout=180, check=True, env={"PATH": os.environ["PATH"], "HOME": profile, "LC_ALL": "C.UTF-8"})
        with open(picture, "rb") as file:
            self.assertGreater(len(png.Picture(file.read()).colours()), 8, "a blank help page")


if __name__ == "__main__":
    unittest.main()
