"""Random walks over pages: ``python -m tools.walk_pages [--steps N] [--seed N] PAGE.html …`` says what is wrong."""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.support.browser_page import visiting
from tests.support.page_walk import walk


def main() -> int:
    """Walk over each page; return 1 if anything is wrong in any state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="+", type=lambda name: Path(name).resolve())
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    states = wrong = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        for file in given.pages:
            with visiting(browser) as visit:
                seen = walk(visit(file), file, given.steps, given.seed)
            states, wrong = states + seen.states, wrong + len(seen.wrong) + len(seen.crossings)
            faults = [*seen.wrong, *sorted(seen.crossings)]
            print(f"{file.stem}: {seen.states} states", *faults[:12], sep="\n  ", flush=True)
    print(f"{len(given.pages)} pages, {states} states, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
