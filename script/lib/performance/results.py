"""The results folder: one JSON file for each experiment."""

import json
import os
import platform
import statistics
import time


class Results:
    """The runs of one experiment by series and x, saved after each."""

    def __init__(self, folder, name):
        self.path = folder / f"{name}.json"
        self.document = {"experiment": name, "machine": machine(), "points": []}

    @staticmethod
    def read(folder, name):
        """Nothing, where that was never measured."""
        results = Results(folder, name)
        if not results.path.exists():
            return None
        results.document = json.loads(results.path.read_text())
        return results

    def add(self, point, figures):
        for known in self.document["points"]:
            if (known["series"], known["x"]) == (point.series, point.x):
                known["runs"].append(figures)
                break
        else:
            about = {"series": point.series, "x": point.x, "replicas": point.replicas, "load": point.load}
            about |= {"settings": point.settings, "redis": point.redis, "tls": point.tls}
            self.document["points"].append(about | {"runs": [figures]})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.path.with_suffix(".tmp")
        whole.write_text(json.dumps(self.document, indent=1) + "\n")
        os.replace(whole, self.path)

    def series(self):
        """The names of the series, in the order measured."""
        return list(dict.fromkeys(point["series"] for point in self.document["points"]))

    def curve(self, series, figure):
        """Points (x, median, lowest, highest) of one series that have the figure, by x. `figure` is a member's name,
        or two joined by a dot."""
        curve = []
        for point in self.document["points"]:
            values = [value for run in point["runs"] if (value := look_up(run, figure)) is not None]
            if point["series"] == series and values:
                curve.append((point["x"], statistics.median(values), min(values), max(values)))
        return sorted(curve)

    def nearest(self, series, x, figure):
        """The x nearest to the given one at which the figure was measured, and its median there."""
        curve = self.curve(series, figure)
        if not curve:
            return None, None
        return min(curve, key=lambda measured: abs(measured[0] - x))[:2]

    def value(self, series, x, figure):
        """The median at the measured x that is nearest to the given one."""
        return self.nearest(series, x, figure)[1]


def look_up(figures, path):
    for name in path.split("."):
        figures = figures.get(name) if isinstance(figures, dict) else None
    return figures


def slope(curve):
    """Intercept and slope of the straight line through the medians of a curve (least squares)."""
    line = statistics.linear_regression([x for x, *_ in curve], [y for _, y, *_ in curve])
    return line.intercept, line.slope


def machine():
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "model": cpu_model(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load": os.getloadavg()[0],
    }


def cpu_model():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
