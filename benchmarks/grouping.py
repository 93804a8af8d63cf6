"""Grouping and sampling of point clouds: this library against what else there is for the same work.

Three questions: what spreads centres over a cloud fastest, what finds their neighbours fastest, and what brings a cloud
of any size to the point encoder's budget. Contenders that are not installed are left out, with a word.
"""

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import fpsample
import numpy as np
import torch
import tyro
from scipy.spatial import cKDTree
from timing import Timing, hardware, measure, print_table, write_results

from region_perception.network.grouping import _group_on_device, group_clouds, group_points
from region_perception.observations import observe_cloud
from region_perception.observations.sampling import sample_cloud

try:
    import open3d
except ImportError:
    open3d = None
try:
    from pykdtree.kdtree import KDTree as pykdtree
except ImportError:
    pykdtree = None

GROUPS, GROUP_SIZE, BUDGET = 512, 32, 8192
PATIENCE = 5.0
Contenders = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Options:
    """Measure grouping and sampling of point clouds against other libraries."""

    quick: bool = False
    """Clouds of 8,192 and 40,000 points only; otherwise also 300,000 and a million."""
    repetitions: Annotated[int, tyro.conf.arg(metavar="N")] = 7
    """How often each contender runs at least; the median counts."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = os.cpu_count() or 1
    """Threads that torch may use."""
    output: Path = Path(__file__).parent / "results" / "grouping.json"
    """Where the figures are written as JSON."""


@dataclass(frozen=True)
class Row:
    """One contender at one size. `cover` is the farthest that any point lies from those kept, in millimetres."""

    contender: str
    points: int
    timing: Timing
    kept: int | None = None
    cover: float | None = None


def make_desk(total: int) -> np.ndarray:
    """float32 [N, 3] metres: a table top with boxes and balls on it, as a depth camera sees them, with 1 mm noise."""
    random = np.random.default_rng(0)
    points = random.random((total, 3)) * [1.2, 0.8, 0.0]
    for _ in range(12):
        center, size = random.random(2) * [1.0, 0.6] + 0.1, random.uniform(0.03, 0.12)
        inside = np.abs(points[:, :2] - center).max(axis=1) < size / 2
        points[inside, 2] = size * random.random(inside.sum()) ** 0.3
    return (points + random.normal(scale=0.001, size=points.shape)).astype(np.float32)


def cover(points: np.ndarray, kept: np.ndarray) -> float:
    return float(cKDTree(kept).query(points)[0].max() * 1000)


def open3d_cloud(points: np.ndarray) -> Any:
    return open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))


def farthest_by_open3d(points: np.ndarray, count: int) -> np.ndarray:
    """Includes handing the points over and back, which any user of it has to do."""
    return np.asarray(open3d_cloud(points).farthest_point_down_sample(count).points)


def farthest_by_torch(points: torch.Tensor, count: int) -> torch.Tensor:
    """The loop over centres that published point encoders use."""
    chosen = torch.zeros(count, dtype=torch.int64)
    nearest, latest = torch.full((len(points),), torch.inf), torch.tensor(0)
    for step in range(count):
        chosen[step] = latest
        nearest = torch.minimum(nearest, ((points - points[latest]) ** 2).sum(-1))
        latest = nearest.argmax()
    return chosen


def neighbours_by_open3d(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    search = open3d.core.nns.NearestNeighborSearch(open3d.core.Tensor(points))
    search.knn_index()
    return search.knn_search(open3d.core.Tensor(centres), GROUP_SIZE)[0].numpy()


def neighbours_by_scipy(points: np.ndarray, centres: np.ndarray, workers: int = 1, **options: Any) -> np.ndarray:
    return cKDTree(points, **options).query(centres, k=GROUP_SIZE, workers=workers)[1]


def neighbours_by_torch(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    return torch.cdist(centres, points).topk(GROUP_SIZE, largest=False).indices


def centre_contenders(points: np.ndarray) -> Contenders:
    tensor = torch.from_numpy(points)
    contenders: Contenders = {
        f"fpsample buckets of 2^{height} (used)" if height == 5 else f"fpsample buckets of 2^{height}": (
            lambda height=height: points[fpsample.bucket_fps_kdline_sampling(points, GROUPS, h=height, start_idx=0)]
        )
        for height in (3, 5, 7, 9)
    }
    contenders |= {
        "fpsample k-d tree": lambda: points[fpsample.bucket_fps_kdtree_sampling(points, GROUPS, start_idx=0)],
        "fpsample plain": lambda: points[fpsample.fps_sampling(points, GROUPS, start_idx=0)],
        "torch loop": lambda: tensor[farthest_by_torch(tensor, GROUPS)].numpy(),
    }
    if open3d:
        contenders["open3d"] = lambda: farthest_by_open3d(points, GROUPS)
    return contenders


def neighbour_contenders(points: np.ndarray) -> Contenders:
    centres = points[fpsample.bucket_fps_kdline_sampling(points, GROUPS, h=5, start_idx=0)]
    tensor, tensor_centres = torch.from_numpy(points), torch.from_numpy(centres)
    quick_tree = {"leafsize": 32, "compact_nodes": False, "balanced_tree": False}
    contenders: Contenders = {
        "scipy, unbalanced tree (used)": lambda: neighbours_by_scipy(points, centres, **quick_tree),
        "scipy, unbalanced tree, all cores": lambda: neighbours_by_scipy(points, centres, -1, **quick_tree),
        "scipy as it comes": lambda: neighbours_by_scipy(points, centres),
        "torch cdist + topk": lambda: neighbours_by_torch(tensor, tensor_centres),
    }
    if open3d:
        contenders["open3d"] = lambda: neighbours_by_open3d(points, centres)
    if pykdtree:
        contenders["pykdtree"] = lambda: pykdtree(points).query(centres, k=GROUP_SIZE)[1]
    return contenders


def group_contenders(points: np.ndarray) -> Contenders:
    tensor = torch.from_numpy(points)
    contenders: Contenders = {
        "this library": lambda: group_points(tensor, GROUPS, GROUP_SIZE),
        "this library, accelerator's way": lambda: _group_on_device([tensor], GROUPS, GROUP_SIZE),
        "torch loop + torch cdist + topk": lambda: neighbours_by_torch(
            tensor, tensor[farthest_by_torch(tensor, GROUPS)]
        ),
        "fpsample plain + torch cdist + topk": lambda: neighbours_by_torch(
            tensor, tensor[fpsample.fps_sampling(points, GROUPS, start_idx=0).astype(np.int64)]
        ),
    }
    if open3d:
        contenders["open3d + open3d"] = lambda: neighbours_by_open3d(
            points, farthest_by_open3d(points, GROUPS).astype(np.float32)
        )
    return contenders


def batch_contenders(points: np.ndarray) -> Contenders:
    """Eight clouds at a time."""
    tensors = [torch.from_numpy(points + np.float32(shift)) for shift in range(8)]
    return {
        "this library": lambda: group_clouds(tensors, GROUPS, GROUP_SIZE),
        "this library, accelerator's way": lambda: _group_on_device(tensors, GROUPS, GROUP_SIZE),
    }


def sample_contenders(points: np.ndarray) -> Contenders:
    """Ways to bring a cloud to the budget; each gives the points that it keeps."""
    cloud = observe_cloud(points)
    random = np.random.default_rng(0)
    contenders: Contenders = {
        "this library": lambda: points[sample_cloud(cloud, BUDGET)],
        "this library, a fifth for the largest plane": lambda: points[sample_cloud(cloud, BUDGET, 0.2)],
        "plain random": lambda: points[random.choice(len(points), BUDGET, replace=False)],
    }
    if len(points) > BUDGET:
        contenders["fpsample buckets of 2^7"] = lambda: points[
            fpsample.bucket_fps_kdline_sampling(points, BUDGET, h=7, start_idx=0)
        ]
    if open3d:
        voxel = voxel_for_budget(points)
        contenders["open3d voxels (size known)"] = lambda: np.asarray(
            open3d_cloud(points).voxel_down_sample(voxel).points
        )
        contenders["open3d farthest points"] = lambda: farthest_by_open3d(points, BUDGET)
    return contenders


def voxel_for_budget(points: np.ndarray) -> float:
    """The size at which voxels come nearest to the budget from below, which open3d leaves to be found by trying."""
    cloud, low, high = open3d_cloud(points), 1e-4, 1.0
    for _ in range(12):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if len(cloud.voxel_down_sample(middle).points) > BUDGET else (low, middle)
    return high


def run(
    title: str, contenders: Callable[[np.ndarray], Contenders], sizes: list[int], covered: bool, options: Options
) -> list[Row]:
    rows = []
    for total in sizes:
        points = make_desk(total)
        entries = contenders(points)
        for name, timing in measure(entries, options.repetitions, PATIENCE).items():
            kept = entries[name]() if covered and timing.median <= PATIENCE else None
            facts = {} if kept is None else {"kept": len(kept), "cover": cover(points, kept)}
            rows.append(Row(name, total, timing, **facts))
    show(title, rows, covered)
    return rows


def show(title: str, rows: list[Row], covered: bool) -> None:
    columns = ["contender", "points", "median ms", "fastest", "slowest", "times"] + ["kept", "cover mm"] * covered
    lines = []
    for row in rows:
        times = [f"{1000 * value:.2f}" for value in (row.timing.median, row.timing.fastest, row.timing.slowest)]
        extra = [] if not covered else ["", ""] if row.kept is None else [f"{row.kept:,}", f"{row.cover:.1f}"]
        lines.append([row.contender, f"{row.points:,}", *times, str(row.timing.repetitions), *extra])
    print_table(title, columns, lines)


def main(options: Options) -> None:
    torch.set_num_threads(options.threads)
    machine = hardware(options.threads, ("torch", "numpy", "scipy", "fpsample", "open3d-cpu", "pykdtree"))
    print(machine)
    for name, module in {"open3d": open3d, "pykdtree": pykdtree}.items():
        if module is None:
            print(f"without {name}, which is not installed")
    sizes = [8192, 40_000] if options.quick else [8192, 40_000, 300_000, 1_000_000]
    tables = {
        "centres": run(f"{GROUPS} centres", centre_contenders, sizes[:1], True, options),
        "neighbours": run(
            f"{GROUP_SIZE} neighbours of {GROUPS} centres", neighbour_contenders, sizes[:1], False, options
        ),
        "groups": run(f"Groups: {GROUPS} x {GROUP_SIZE}", group_contenders, sizes, False, options),
        "batches": run(f"Groups of 8 clouds: {GROUPS} x {GROUP_SIZE}", batch_contenders, sizes[:1], False, options),
        "samples": run(f"Samples of {BUDGET:,} points", sample_contenders, sizes, True, options),
    }
    results = {name: [dataclasses.asdict(row) for row in rows] for name, rows in tables.items()}
    write_results(options.output, {"hardware": machine, **results})


if __name__ == "__main__":
    main(tyro.cli(Options))
