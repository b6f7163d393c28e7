"""Draws what was measured, one SVG for each experiment. The same results give the same bytes."""

import dataclasses

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot, ticker
from results import Results

MEBIBYTE = 1 << 20

# Colours that the colour-blind can tell apart (Okabe, Ito), and markers for print. An opaque light ground keeps text
# and lines readable wherever the picture is shown.
INK, GRID, GROUND = "#24292f", "#d8dee4", "#ffffff"
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#7a6000"]
MARKERS = ["o", "s", "^", "D", "v"]
SETTINGS = {
    # Text stays text, and the ids in the file do not change from run to run.
    "svg.fonttype": "none",
    "svg.hashsalt": "tocsin",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": GROUND,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
}


@dataclasses.dataclass(frozen=True)
class Panel:
    """One pair of axes. `curves` are (series or None for all, figure, label or None for the series' name)."""

    question: str
    x: str
    y: str
    curves: list
    x_log: bool = True
    y_log: bool = False
    scale: float = 1
    bars: bool = False


PANELS = {
    "clients": [
        Panel(
            "What does a delivery cost as clients grow?",
            "clients",
            "CPU of the replica per delivery (µs)",
            [("paced", "cpu_us_per_delivery", "replica")],
            y_log=True,
        ),
        Panel(
            "How late does the last client hear?",
            "clients",
            "post due to last receipt (ms)",
            [("paced", "last_receipt_ms.p50", "median threat"), ("paced", "last_receipt_ms.p99", "p99")],
            y_log=True,
        ),
    ],
    "batch": [
        Panel(
            "How much does batching posts raise throughput?",
            "threats in a POST",
            "threats kept a second",
            [(None, "posts_per_second", None)],
        ),
        Panel(
            "What does Redis spend on a threat?",
            "threats in a POST",
            "CPU of Redis per threat (µs)",
            [(None, "redis_us_per_threat", None)],
        ),
    ],
    "ingest": [
        Panel(
            "How many posts are kept as connections grow?",
            "connections",
            "posts kept a second",
            [(None, "posts_per_second", "posts")],
        ),
        Panel(
            "How long does a post wait for its answer?",
            "connections",
            "POST to its answer (ms)",
            [(None, "post_ms.p50", "median"), (None, "post_ms.p99", "p99")],
            y_log=True,
        ),
    ],
    "replicas": [
        Panel(
            "What does each replica cost Redis?",
            "replicas on one Redis",
            "CPU of Redis per threat (µs)",
            [(None, "redis_us_per_threat", None)],
            x_log=False,
        ),
        Panel(
            "What does a threat cost all replicas?",
            "replicas on one Redis",
            "CPU of all replicas per threat (µs)",
            [(None, "cpu_us_per_threat", None)],
            x_log=False,
        ),
    ],
    "memory": [
        Panel(
            "How does memory follow the ring's bytes?",
            "--ring-bytes (MiB)",
            "resident memory, ring full (MiB)",
            [("ring-bytes", "rss_bytes_after", "full"), ("ring-bytes", "rss_bytes_before", "at start")],
            y_log=True,
            scale=MEBIBYTE,
        ),
        Panel(
            "… and its entries, of 600 bytes each?",
            "--ring-entries",
            "resident memory, ring full (MiB)",
            [("ring-entries", "rss_bytes_after", "full"), ("ring-entries", "rss_bytes_before", "at start")],
            y_log=True,
            scale=MEBIBYTE,
        ),
    ],
    "filters": [
        Panel(
            "Does a delivery cost more with more filters?",
            "distinct filters",
            "CPU of the replica per delivery (µs)",
            [(None, "cpu_us_per_delivery", None)],
        ),
        Panel(
            "Does the last client hear later?",
            "distinct filters",
            "post due to last receipt (ms)",
            [(None, "last_receipt_ms.p50", "median threat"), (None, "last_receipt_ms.p99", "p99")],
            y_log=True,
        ),
    ],
    "sizes": [
        Panel(
            "What does a delivery cost as threats grow?",
            "bytes of a threat's JSON",
            "CPU of the replica per delivery (µs)",
            [(None, "cpu_us_per_delivery", None)],
        ),
        Panel(
            "How late does the last client hear?",
            "bytes of a threat's JSON",
            "post due to last receipt (ms)",
            [(None, "last_receipt_ms.p50", "median threat"), (None, "last_receipt_ms.p99", "p99")],
            y_log=True,
        ),
    ],
    "transports": [
        Panel(
            "What does a delivery cost?",
            "",
            "CPU of the replica per delivery (µs)",
            [(None, "cpu_us_per_delivery", None)],
            bars=True,
        ),
        Panel(
            "What does a connection hold?",
            "",
            "resident memory per connection (KiB)",
            [(None, "rss_bytes_per_client", None)],
            bars=True,
            scale=1024,
        ),
    ],
}


def draw(folder, plots, names):
    """Draws the named experiments as far as they have been measured, and yields the path of each plot."""
    for name in names:
        results = Results.read(folder, name)
        if results is None:
            continue
        plots.mkdir(parents=True, exist_ok=True)
        path = plots / f"{name}.svg"
        with pyplot.rc_context(SETTINGS):
            figure, axes = pyplot.subplots(1, len(PANELS[name]), figsize=(10, 3.8), layout="constrained")
            for panel, pair in zip(PANELS[name], axes, strict=True):
                draw_panel(panel, pair, results)
            # No date, no version: the file changes only when the results do.
            figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
            pyplot.close(figure)
        yield path


def draw_panel(panel, axes, results):
    axes.set_title(panel.question)
    axes.set_ylabel(panel.y)
    if panel.bars:
        draw_bars(panel, axes, results)
        return
    axes.set_xlabel(panel.x)
    # Before the first point: what is drawn decides the range, the scale how.
    axes.set_xscale("log" if panel.x_log else "linear")
    axes.set_yscale("log" if panel.y_log else "linear")
    curves = [
        (label or series, results.curve(series, figure))
        for chosen, figure, label in panel.curves
        for series in ([chosen] if chosen else results.series())
    ]
    for number, (label, curve) in enumerate(curves):
        x = [point[0] for point in curve]
        low, middle, high = ([point[index] / panel.scale for point in curve] for index in (2, 1, 3))
        colour = COLOURS[number % len(COLOURS)]
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, middle, color=colour, marker=MARKERS[number % len(MARKERS)], label=label)
    ticks(axes.xaxis, sorted({point[0] for _, curve in curves for point in curve}) if not panel.x_log else None)
    ticks(axes.yaxis)
    if panel.y_log:
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    else:
        axes.set_ylim(0, 1.1 * max((point[3] for _, curve in curves for point in curve), default=1) / panel.scale)
    if len(curves) > 1:
        axes.legend()


def draw_bars(panel, axes, results):
    ((_, figure, _),) = panel.curves
    names = [name for name in results.series() if results.curve(name, figure)]
    for number, name in enumerate(names):
        ((_, middle, low, high),) = results.curve(name, figure)
        middle, low, high = (value / panel.scale for value in (middle, low, high))
        axes.barh(
            number,
            middle,
            xerr=[[middle - low], [high - middle]],
            color=COLOURS[number % len(COLOURS)],
            error_kw={"ecolor": INK, "elinewidth": 0.8},
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_ylabel("")
    axes.set_xlabel(panel.y)
    axes.grid(axis="y", visible=False)
    ticks(axes.xaxis)


def ticks(axis, places=None):
    """Plain numbers with thousands marked; few enough to be read."""
    if places is not None:
        axis.set_major_locator(ticker.FixedLocator(places))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(ticker.NullFormatter())
