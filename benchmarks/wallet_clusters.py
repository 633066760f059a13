"""Entities and sybil scores against the labels of the Hop airdrop, on groups that no parameter was chosen on.

    python benchmarks/wallet_clusters.py [--splits 20] [--seed 20261120]

Labels come partly from connectivity: sybil groups were reported by people who looked at the same transfers, and no transfer
joins two groups in this export. So agreement with the groups is partly agreement with ourselves; read it as an upper bound.
The export holds transfers that touch a labelled address, so addresses without a label look lonelier than they are. There are
no times and no values: the rules of first funder and last sweep run in their weaker form. Eligible addresses have no group,
so they are split one by one, and an entity may lie on both sides. The weights that WalletRules has by default were set after
these tables had been seen: the row of the defaults is no out-of-sample figure for scores, the row chosen on train is. A test
address is judged against every labelled member of its entity, those of the training half too. Splits overlap, so their range
says how much depends on the draw of groups, and is no confidence interval for another airdrop.

The recording is read where
COUNTERPOISE_DATA or ../shared/data exists.
"""

from __future__ import annotations

import argparse
import os
from itertools import product
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.flow.wallet.communities import components
from counterpoise.flow.wallet.sybil import EVIDENCE, sybil_score
from counterpoise.flow.wallet.wallet_links import WalletRules
from counterpoise.flow.wallet.wallets import WalletClusters, wallets

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("07_sybil_hop")
METHODS = ("communities", "weak", "strong")
HUBS = (10, 20, 50, 200)
RESOLUTIONS = (0.3, 1.0, 3.0)
WEIGHTS = (0.0, 1.0)


class Truth(NamedTuple):
    """Labelled addresses: group (−1 for eligible ones and sybils of no group), sybil, and the unit a split keeps whole."""

    address: pl.Series
    group: np.ndarray
    sybil: np.ndarray
    unit: np.ndarray


def read() -> tuple[pl.DataFrame, Truth]:
    """Transfers and labels of the addresses that transferred."""
    folder = Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data")) / FOLDER
    if not folder.is_dir():
        raise SystemExit(f"no recording at {folder}; set COUNTERPOISE_DATA")
    edges = pl.read_parquet(folder / "edges.parquet").rename({"from": "src", "to": "dst"}).select("src", "dst")
    known = pl.concat([edges["src"], edges["dst"]]).unique()
    labels = pl.read_parquet(folder / "labels.parquet").filter(pl.col("address").is_in(known.implode())).sort("address")
    names = labels["group"].drop_nulls().unique().sort()
    group = labels["group"].replace_strict(names, np.arange(len(names)), default=-1, return_dtype=pl.Int64).to_numpy()
    unit = np.where(group >= 0, group, len(names) + np.arange(len(group)))
    return edges, Truth(labels["address"], group, labels["sybil"].to_numpy(), unit)


def candidates(edges: pl.DataFrame) -> dict[str, tuple[WalletRules, WalletClusters]]:
    """Every set of parameters, and what it finds; none has seen a label."""
    out = {}
    for method, hub in product(METHODS, HUBS):
        for resolution in RESOLUTIONS if method == "communities" else (1.0,):
            rules = WalletRules(method=method, hub_degree=hub, resolution=resolution)
            name = f"{method}, hubs > {hub}" + (f", resolution {resolution:g}" if method == "communities" else "")
            out[name] = rules, wallets(edges, rules=rules)
    return out


def entities(found: WalletClusters, truth: Truth) -> np.ndarray:
    """Entity of each labelled address; hubs are alone."""
    joined = pl.DataFrame({"address": truth.address}).join(found.frame, on="address", how="left", maintain_order="left")
    entity = joined["entity"].fill_null(-1).to_numpy()
    return np.where(entity >= 0, entity, entity.max() + 1 + np.arange(len(entity)))


def agreement(entity: np.ndarray, group: np.ndarray, judged: np.ndarray) -> dict[str, float]:
    """Pairwise, B-cubed and whole-cluster precision, recall and F1 of a partition against another, of the rows `judged`.

    Each is judged against all rows of its entity, also those not judged: a false merge with one of them is a false merge.
    """
    _, e = np.unique(entity, return_inverse=True)
    _, g = np.unique(group, return_inverse=True)
    cells, cell = np.unique(e * (g.max() + 1) + g, return_inverse=True)
    ce, cg = cells // (g.max() + 1), cells % (g.max() + 1)
    n, of_e, of_g = (np.bincount(of) for of in (cell, e, g))
    n_judged, e_judged, g_judged = (np.bincount(of[judged], minlength=of.max() + 1) for of in (cell, e, g))
    parts = ((n, n_judged), (of_e, e_judged), (of_g, g_judged))
    both, pe, pg = (float((x * (x - 1) - (x - own) * (x - own - 1)).sum() / 2) for x, own in parts)
    exact = float(((n == of_e[ce]) & (n == of_g[cg]) & (n > 1) & (n_judged > 0)).sum())
    out = {}
    for name, precision, recall in (
        ("pairs", both / pe if pe else np.nan, both / pg),
        ("B-cubed", *(float((n_judged * n / of).sum() / n_judged.sum()) for of in (of_e[ce], of_g[cg]))),
        ("clusters", *(exact / max(1, int(((x > 1) & (own > 0)).sum())) for x, own in parts[1:])),
    ):
        f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
        out |= {f"{name} P": precision, f"{name} R": recall, f"{name} F1": f1}
    return out


def ranking(score: np.ndarray, sybil: np.ndarray) -> dict[str, float]:
    """Area under the ROC curve (ties count half) and average precision (ties in one step)."""
    values, at = np.unique(-score, return_inverse=True)
    good, all_ = np.bincount(at, sybil, minlength=len(values)), np.bincount(at, minlength=len(values))
    positives, negatives = good.sum(), (all_ - good).sum()
    before = np.cumsum(all_ - good) - (all_ - good)
    auc = float((good * (negatives - before - (all_ - good) / 2)).sum() / (positives * negatives))
    precision = np.cumsum(good) / np.cumsum(all_)
    return {"AUC": auc, "average precision": float((good * precision).sum() / positives)}


def scores(found: WalletClusters, truth: Truth, rules: WalletRules) -> np.ndarray:
    """Sybil score of each labelled address; hubs and single ones have 0."""
    rated = found.clusters.select("entity", score=sybil_score(found.clusters, rules))
    whose = found.frame.select("address", "entity").join(rated, on="entity", how="left")
    joined = pl.DataFrame({"address": truth.address}).join(whose, on="address", how="left", maintain_order="left")
    return joined["score"].fill_null(0.0).to_numpy()


def weightings() -> list[dict[str, float]]:
    """Every on and off of the evidence, and how much the size holds back."""
    names = [f"{name}_weight" for name in EVIDENCE]
    choices = [dict(zip(names, w, strict=True)) for w in product(WEIGHTS, repeat=len(names)) if any(w)]
    return [c | {"size_weight": s} for c in choices for s in (0.5, 1.0, 3.0)]


def split(truth: Truth, draw: np.random.Generator) -> np.ndarray:
    """True for test rows: half of the units, so that no group is on both sides."""
    units = np.unique(truth.unit)
    test = np.zeros(units.max() + 1, bool)
    test[draw.permutation(units)[: len(units) // 2]] = True
    return test[truth.unit]


def compare_entities(found: dict, truth: Truth, splits: list[np.ndarray], edges: pl.DataFrame) -> None:
    """Entities against groups, parameters chosen by B-cubed F1 on the training groups."""
    entity = {name: entities(clusters, truth) for name, (_, clusters) in found.items()}
    src, dst = (wallets_numbers(edges, side) for side in ("src", "dst"))
    names = pl.concat([edges["src"], edges["dst"]]).unique().sort()
    whole = components(src, dst, nodes=len(names))
    own = names.search_sorted(truth.address).to_numpy()
    grouped = truth.group >= 0
    for title, rows in (
        ("members of test groups", grouped),
        ("the same beside eligible addresses, each its own", truth.sybil >= 0),
    ):
        results: dict[str, list[dict[str, float]]] = {"chosen on train": [], "connected components": [], "defaults": []}
        picked: list[str] = []
        rows = rows & ((truth.group >= 0) | (truth.sybil == 0))
        for test in splits:
            train = ~test & rows
            every = np.ones(int(train.sum()), bool)  # no row of the other half is looked at to choose
            best = max(entity, key=lambda name: agreement(entity[name][train], truth.unit[train], every)["B-cubed F1"])
            picked.append(best)
            for name, found_by in (
                ("chosen on train", entity[best]),
                ("connected components", whole[own]),
                ("defaults", entity["communities, hubs > 50, resolution 1"]),
            ):
                results[name].append(agreement(found_by[rows], truth.unit[rows], test[rows]))
        table(f"Entities: {title}", results)
        counts = {name: picked.count(name) for name in sorted(set(picked))}
        print("chosen:", "; ".join(f"{name} ({n})" for name, n in counts.items()), "\n")


def compare_scores(found: dict, truth: Truth, splits: list[np.ndarray], edges: pl.DataFrame) -> None:
    """Sybil against eligible, weights and hubs chosen by average precision on the training units."""
    rated = {}
    for name, (rules, clusters) in found.items():
        if rules.method == "communities" and rules.resolution == 1.0:
            for weights in weightings():
                label = f"{name}: " + " ".join(f"{k.removesuffix('_weight')} {v:g}" for k, v in weights.items() if v)
                rated[label] = scores(clusters, truth, msgspec.structs.replace(rules, **weights))
    default = scores(found["communities, hubs > 50, resolution 1"][1], truth, WalletRules())
    ends = pl.concat([edges.select(a="src", b="dst"), edges.select(a="dst", b="src")]).unique()
    degree = pl.DataFrame({"a": truth.address}).join(ends.group_by("a").len(), on="a", how="left", maintain_order="left")["len"]
    equal = scores(
        found["communities, hubs > 50, resolution 1"][1],
        truth,
        WalletRules(**dict.fromkeys([f"{name}_weight" for name in (*EVIDENCE, "size")], 1.0)),
    )
    sizes = pl.DataFrame({"address": truth.address}).join(
        found["communities, hubs > 50, resolution 1"][1].frame, on="address", how="left", maintain_order="left"
    )["size"]
    fixed = {
        "defaults (set after seeing)": default,
        "equal weights": equal,
        "size of the entity": sizes.fill_null(0).to_numpy().astype(float),
        "degree": degree.to_numpy().astype(float),
        "− degree": -degree.to_numpy().astype(float),
    }
    results: dict[str, list[dict[str, float]]] = {"chosen on train": [], **{name: [] for name in fixed}}
    picked: list[str] = []
    for test in splits:
        best = max(rated, key=lambda name: ranking(rated[name][~test], truth.sybil[~test])["average precision"])
        picked.append(best)
        results["chosen on train"].append(ranking(rated[best][test], truth.sybil[test]))
        for name, score in fixed.items():
            results[name].append(ranking(score[test], truth.sybil[test]))
    share = [float(truth.sybil[test].mean()) for test in splits]
    table(f"Scores: sybil against eligible (share of sybils {np.mean(share):.2f})", results)
    counts = {name: picked.count(name) for name in sorted(set(picked))}
    print("chosen:", "; ".join(f"{name} ({n})" for name, n in counts.items()), "\n")


def wallets_numbers(edges: pl.DataFrame, side: str) -> np.ndarray:
    names = pl.concat([edges["src"], edges["dst"]]).unique().sort()
    return names.search_sorted(edges[side]).to_numpy().astype(np.int64)


def table(title: str, results: dict[str, list[dict[str, float]]]) -> None:
    """Median over the splits, and the range of the middle nine tenths of them."""
    print(f"{title}; median [5 %, 95 %] over {len(next(iter(results.values())))} splits")
    columns = list(next(iter(results.values()))[0])
    width = 19
    print(f"{'':28s}" + "".join(f"{name:>{width}s}" for name in columns))
    for name, rows in results.items():
        low, middle, high = np.nanpercentile([[row[c] for c in columns] for row in rows], (5, 50, 95), axis=0)
        cells = [f"{m:.3f} [{a:.2f}, {b:.2f}]" for m, a, b in zip(middle, low, high, strict=True)]
        print(f"{name:28s}" + "".join(f"{cell:>{width}s}" for cell in cells))


def main() -> None:
    """Print the tables of docs/theory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--seed", type=int, default=20261120)
    wanted = parser.parse_args()
    edges, truth = read()
    draws = [np.random.default_rng(seed) for seed in np.random.SeedSequence(wanted.seed).spawn(wanted.splits)]
    splits = [split(truth, draw) for draw in draws]
    groups = int(truth.group.max()) + 1
    print(f"{len(truth.address):,} labelled addresses that transferred, {int(truth.sybil.sum()):,} sybils, {groups} groups\n")
    found = candidates(edges)
    compare_entities(found, truth, splits, edges)
    compare_scores(found, truth, splits, edges)


if __name__ == "__main__":
    main()
