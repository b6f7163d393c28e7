"""Measures how cost grows, draws the plots and computes the planning table; see script/performance."""

import argparse
import os
import pathlib
import resource
import signal
import sys
import time

from experiments import EXPERIMENTS, Effort
from results import Results

# 15,000 clients on one replica, and some more.
OPEN_FILES_MIN = 16_000

RESULTS, PLOTS = pathlib.Path(".build/performance"), pathlib.Path("docs/performance")
# A quick run's figures are no better than its effort: they do not replace what was measured with patience.
QUICK = RESULTS / "quick"


def arguments():
    parser = argparse.ArgumentParser(prog="script/performance", description="Measure and plot how cost grows.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {' '.join(EXPERIMENTS)}; default: all")
    parser.add_argument("--binary", type=pathlib.Path, help="the tocsin to measure")
    # So that a wrong command line is found before the build.
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--quick", action="store_true", help="few points, one short run each, for a try: some two minutes"
    )
    parser.add_argument("--runs", type=int, help="runs of each point, interleaved (default: 3)")
    parser.add_argument("--seconds", type=float, help="of one load (default: 3)")
    parser.add_argument("--minutes", type=float, help="start nothing new after so long (default: 20)")
    parser.add_argument("--plot-only", action="store_true", help="measure nothing, draw what was measured")
    parser.add_argument(
        "--results", type=pathlib.Path, metavar="FOLDER", help=f"default: {RESULTS}; with --quick {QUICK}"
    )
    parser.add_argument(
        "--plots", type=pathlib.Path, metavar="FOLDER", help=f"and plan; default: {PLOTS}; with --quick {QUICK}"
    )
    plan = parser.add_argument_group("planning")
    plan.add_argument("--vcpus", type=int, default=8, help="of the machine of one replica")
    plan.add_argument("--gbits", type=float, default=10, help="a second of its network")
    plan.add_argument("--gibibytes", type=float, default=16, help="of its memory")
    plan.add_argument("--dollars-per-vcpu-hour", type=float, default=0.05)
    plan.add_argument("--dollars-per-gigabyte", type=float, default=0.01, help="that leaves the replicas")
    options = parser.parse_args()
    for name in options.names:
        if name not in EXPERIMENTS:
            parser.error(f"there is no {name}; choose from {' '.join(EXPERIMENTS)}")
    if options.check:
        sys.exit(0)
    if not options.plot_only and options.binary is None:
        parser.error("--binary or --plot-only")
    options.results = options.results or (QUICK if options.quick else RESULTS)
    options.plots = options.plots or (QUICK if options.quick else PLOTS)
    return options


def raise_open_files():
    wanted = 40_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if limit < OPEN_FILES_MIN:
        sys.exit(f"performance: 15,000 connections are held, but only {limit} files may be open: raise the hard limit")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(options, names):
    """Every point once, then every point again: what changes over time touches all alike.

    Returns how many points failed."""
    effort = Effort(options.seconds or (1.5 if options.quick else 3), options.quick)
    runs = options.runs or (1 if options.quick else 3)
    budget = 60 * (options.minutes or (4 if options.quick else 20))
    points = [(name, point) for name in names for point in EXPERIMENTS[name](effort)]
    results = {name: Results(options.results, name) for name in names}
    begin, failed = time.monotonic(), 0
    for run in range(runs):
        for name, point in points:
            if run > 0 and point.once:
                continue
            spent = time.monotonic() - begin
            if spent > budget:
                say(f"==> {budget / 60:.0f} minutes are over: run {run + 1} of {runs} is incomplete")
                return failed
            title = f"{spent:5.0f} s  run {run + 1}/{runs}  {name:<10} {point.series} {point.x:g}"
            try:
                figures = point.measure(options.binary)
            except (RuntimeError, OSError, ValueError) as error:
                failed += 1
                say(f"{title}: FAILED: {error}")
                continue
            results[name].add(point, figures)
            broken = figures.get("kept") is False
            failed += broken
            say(f"{title}: {'PROMISE BROKEN: ' if broken else ''}{summary(figures)}")
    return failed


def summary(figures):
    """What a person watching wants to see go by."""
    said = [
        f"{figures['posts_per_second']:,.0f} threats/s",
        f"redis {figures['redis_us_per_threat'] or 0:.1f} us/threat",
    ]
    if figures["deliveries"]:
        said.append(f"{figures['deliveries_per_second']:,.0f} deliveries/s")
        said.append(f"{figures['cpu_us_per_delivery']:.2f} us/delivery")
        said.append(f"last p99 {figures['last_receipt_ms']['p99']:.1f} ms")
    wrong = ("lost", "duplicates", "disorder", "gaps", "disconnects", "resets")
    wrong += ("refused", "failed", "unsent", "unanswered", "still_coming")
    said += [f"{figures[name]} {name}" for name in wrong if figures.get(name)]
    return ", ".join(said)


def main():
    options = arguments()
    names = options.names or list(EXPERIMENTS)
    # Unwinds like Ctrl-C, so that nothing that was started stays.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    failed = 0
    if not options.plot_only:
        raise_open_files()
        failed = measure(options, names)

    # Fonts are looked up once and remembered here, not in the home folder.
    os.environ["MPLCONFIGDIR"] = str(options.results.resolve() / "matplotlib")
    import plan
    import plots

    for path in plots.draw(options.results, options.plots, names):
        say(f"drawn: {path}")
    table = plan.table(options.results, plan.Assumptions.of(options))
    if table:
        options.plots.mkdir(parents=True, exist_ok=True)
        path = options.plots / "plan.md"
        path.write_text(table)
        say(f"planned: {path}")
    if failed:
        sys.exit(f"performance: {failed} measurements failed")


try:
    main()
except KeyboardInterrupt:
    sys.exit("performance: interrupted")
